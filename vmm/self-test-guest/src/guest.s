# A kernel that says on COM1 which TEE it finds itself in, and powers off. Position-independent, entered by
# Linux's 64-bit boot protocol: RSI = boot_params, memory mapped to itself, a stack, no interrupts, no IDT.
#
# In all of it: EBX the kind, RBP the GHCB.

.set PLAIN, 0
.set SNP, 1
.set TDX, 2
.set SETUP_DATA, 0x250                  # the shim links the CC blob there under SEV-SNP alone
.set LEAF_TDX, 0x21                     # answered by the TDX module itself
.set MSR_GHCB, 0xC0010130
.set MSR_SEV_STATUS, 0xC0010131
.set COM1, 0x3F8

# The GHCB MSR protocol and the GHCB (56421 rev 2.04, sections 2.3.1 and 2.6).
.set REGISTER_GHCB, 0x012
.set GHCB_REGISTERED, 0x013
.set CHANGE_PAGE_STATE, 0x014
.set PAGE_STATE_CHANGED, 0x015
.set TO_SHARED, 2 << 20                 # bits 55:52
.set TERMINATE, 0x100
.set GHCB_RAX, 0x1F8
.set GHCB_EXIT_CODE, 0x390
.set GHCB_EXIT_INFO_1, 0x398
.set GHCB_EXIT_INFO_2, 0x3A0
.set GHCB_VALID, 0x3F0                  # a bit for every eight bytes
.set GHCB_VERSION, 0xFFA
.set EXIT_IOIO, 0x7B
.set IOIO_OUT_BYTE, 0x10

# Leaves of TDCALL and of TDG.VP.VMCALL (Intel TDX module 1.5 ABI, 348551; GHCI 1.5, 348552).
.set TDG_VP_VMCALL, 0
.set TDG_MR_REPORT, 4
.set VMCALL_IO, 30
.set R10_TO_R15, 0xFC00
.set TDINFO, 512                        # TDREPORT_STRUCT: ATTRIBUTES, XFAM, MRTD, ... RTMR3
.set TDINFO_BYTES, 400

.macro pvalidate
    .byte 0xF2, 0x0F, 0x01, 0xFF
.endm
.macro vmgexit
    .byte 0xF3, 0x0F, 0x01, 0xD9
.endm
.macro tdcall
    .byte 0x66, 0x0F, 0x01, 0xCC
.endm

.pushsection .rodata.self_test_guest, "a"
.globl self_test_guest, self_test_guest_end
self_test_guest:
    cld
    mov $SNP, %ebx
    cmpq $0, SETUP_DATA(%rsi)
    jne in_snp
    mov $LEAF_TDX, %eax
    xor %ecx, %ecx
    cpuid
    cmp $0x65746E49, %ebx               # "IntelTDX    "
    jne in_plain_vm
    cmp $0x5844546C, %edx
    jne in_plain_vm
    cmp $0x20202020, %ecx
    jne in_plain_vm

in_td:
    mov $TDX, %ebx
    lea of_tdx(%rip), %rsi
    call say
    mov $TDG_MR_REPORT, %eax
    mov ${SPARE}, %ecx
    mov $({SPARE} + 1024), %edx         # REPORTDATA: memory that was accepted is zero
    xor %r8d, %r8d
    tdcall
    test %rax, %rax
    jnz say_number_and_end
    mov $({SPARE} + TDINFO), %esi
    mov $TDINFO_BYTES, %edi
    jmp say_bytes_and_end

in_plain_vm:
    mov $PLAIN, %ebx
    lea of_plain(%rip), %rsi
    call say
    jmp end

# Takes a page's validation back, has the host share it, and makes it the GHCB.
in_snp:
    mov $1, %edi
    mov ${SPARE}, %eax
    xor %ecx, %ecx                      # a page of 4 KiB
    xor %edx, %edx                      # no longer valid
    pvalidate
    jc give_up
    test %eax, %eax
    jnz give_up
    mov $2, %edi
    mov $({SPARE} + CHANGE_PAGE_STATE), %eax
    mov $TO_SHARED, %edx
    call ask
    cmp $PAGE_STATE_CHANGED, %eax
    jne give_up
    test %edx, %edx
    jnz give_up
    mov $3, %edi
    mov $({SPARE} + REGISTER_GHCB), %eax
    xor %edx, %edx
    call ask
    cmp $({SPARE} + GHCB_REGISTERED), %eax
    jne give_up
    movq $({SPARE} + 0x83), {SPARE_ENTRY}
    mov ${SPARE_SHARED}, %ebp
    invlpg (%rbp)
    mov %rbp, %rdi
    mov $512, %ecx
    xor %eax, %eax
    rep stosq
    movw $2, GHCB_VERSION(%rbp)
    lea of_snp(%rip), %rsi
    call say
    mov $MSR_SEV_STATUS, %ecx           # which no host can intercept here
    rdmsr
    shl $32, %rdx
    or %rdx, %rax

# RAX: the number.
say_number_and_end:
    bswap %rax
    push %rax
    mov %rsp, %rsi
    mov $8, %edi

# RSI: the bytes. EDI: how many.
say_bytes_and_end:
    mov (%rsi), %al
    shr $4, %al
    call say_digit
    mov (%rsi), %al
    and $15, %al
    call say_digit
    inc %rsi
    dec %edi
    jnz say_bytes_and_end
end:
    lea end_of_line(%rip), %rsi
    call say
    mov ${POWER_PORT}, %edx
    mov ${POWER_OFF}, %eax
    call write
1:  pause
    jmp 1b

# RSI: text with its NUL. Keeps RBX, RBP, RDI.
say:
    lodsb
    test %al, %al
    jz 2f
    mov $COM1, %edx
    call write
    jmp say
2:  ret

# AL: 0 to 15. Keeps RBX, RBP, RSI, RDI, as what follows does.
say_digit:
    add $'0', %al
    cmp $'9', %al
    jbe 3f
    add $('a' - '0' - 10), %al
3:  mov $COM1, %edx

# EDX: a port. AL: a byte.
write:
    cmp $SNP, %ebx
    je write_by_ghcb
    ja write_by_vmcall
    out %al, %dx
    ret

write_by_ghcb:
    movzx %al, %eax
    mov %rax, GHCB_RAX(%rbp)
    movq $EXIT_IOIO, GHCB_EXIT_CODE(%rbp)
    shl $16, %edx
    or $IOIO_OUT_BYTE, %edx
    mov %rdx, GHCB_EXIT_INFO_1(%rbp)
    movq $0, GHCB_EXIT_INFO_2(%rbp)
    movb $(1 << 7), GHCB_VALID + 7(%rbp)
    movb $(1 << 2 | 1 << 3 | 1 << 4), GHCB_VALID + 14(%rbp)
    mov ${SPARE}, %eax
    xor %edx, %edx

# EDX, EAX: a word for the host, by the GHCB MSR; in them its answer.
ask:
    mov $MSR_GHCB, %ecx
    wrmsr
    vmgexit
    rdmsr
    ret

write_by_vmcall:
    movzx %al, %r15d
    mov %edx, %r14d
    mov $1, %r13d                       # write
    mov $1, %r12d                       # one byte
    mov $VMCALL_IO, %r11d
    xor %r10d, %r10d
    mov $R10_TO_R15, %ecx
    mov $TDG_VP_VMCALL, %eax
    tdcall
    ret

# EDI: which step failed.
give_up:
    mov %edi, %eax
    shl $16, %eax
    or $({REASON_SET} << 12 | TERMINATE), %eax
    xor %edx, %edx
    call ask
    jmp give_up

of_plain: .asciz "cloister-self-test 1 plain"
of_snp: .asciz "cloister-self-test 1 snp sev-status="
of_tdx: .asciz "cloister-self-test 1 tdx td-info="
end_of_line: .asciz "\n"
self_test_guest_end:
.popsection
