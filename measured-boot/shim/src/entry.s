# The first instructions of every guest. They run in 32-bit flat mode without paging, where all memory is
# private under SEV-SNP and TDX, and end in shim_main in 64-bit mode.
#
# In: EBP = TDX_MAGIC from a TD's reset page, anything else otherwise. In a TD: EBX bits 5..0 the width of
# guest-physical addresses, ESI the number of the processor (Intel TDX module 1.5 ABI, 348551, "Initial
# State of Guest GPRs").
#
# Nothing here asks the host: no CPUID, no port, no exit. A GHCB is not needed, either. And no event is
# survived, from here to the kernel's own table: an SNP host may inject any at any instruction, again and
# again, so that a handler would decide by what the host says, and each frame would be a write by it.

.set MSR_EFER, 0xC0000080
.set EFER_LME, 1 << 8
.set CR0_KEPT, ~(1 << 2 | 1 << 3 | 1 << 29 | 1 << 30)   # without EM, TS, NW, CD
.set CR0_SET, 1 << 0 | 1 << 31                          # PE, PG
.set CR4_PAE, 1 << 5
.set CODE_32, 0x08
.set CODE_64, 0x10                                      # Linux's __BOOT_CS
.set DATA, 0x18                                         # Linux's __BOOT_DS
.set WRITABLE, 3
.set LARGE, 0x83
.set PLAIN, 1                                           # as tee.rs has them; 0 is no kind
.set SNP, 2
.set TDX, 3

.pushsection .shim.entry, "ax"
.code32
.globl shim_entry
shim_entry:
    jmp 1f

# Where an SNP guest's other processors start, which the host can run whenever it likes: at layout::PARKED,
# without descriptor tables. The kernel starts its own.
.balign 16
.globl shim_parked
shim_parked:
    cli
2:  hlt
    jmp 2b

1:  cli
    cld
    lidt no_events
    lgdt gdt_pointer
    ljmp $CODE_32, $3f
3:  mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    cmp ${TDX_MAGIC}, %ebp
    je in_td

    # The launch measures that the firmware fills in the secrets page, keys and all; a plain guest's is zero.
    xor %esi, %esi
    mov ${SECRETS}, %edi
    mov $1024, %ecx
    xor %eax, %eax
    repe scasl
    mov $PLAIN, %edx
    mov $0, %ebx
    mov $0, %ebp
    je build_tables
    mov $SNP, %edx
    mov $(1 << ({C_BIT} - 32)), %ebx
    jmp build_tables

in_td:
    mov $TDX, %edx
    mov %ebx, %ecx
    and $0x3F, %ecx
    sub $33, %ecx                       # the shared bit is the highest one; upper half of an entry
    mov $1, %ebp
    shl %cl, %ebp
    xor %ebx, %ebx
    test %esi, %esi
    jz build_tables
2:  pause
    cmpl $1, {MAILBOX_READY}
    jne 2b
    mov %edx, %edi
    jmp enter_long_mode

# EBX: upper half of private entries. EBP: of shared ones. EDX: the kind.
build_tables:
    mov ${PAGE_TABLES}, %edi
    mov $({PAGE_TABLE_PAGES} * 1024), %ecx
    xor %eax, %eax
    rep stosl
    movl $({PAGE_TABLES} + 0x1000 + WRITABLE), {PAGE_TABLES}
    mov %ebx, {PAGE_TABLES} + 4
    mov $({PAGE_TABLES} + 0x1000), %edi
    mov $({PAGE_TABLES} + 0x2000 + WRITABLE), %eax
    mov $4, %ecx
3:  mov %eax, (%edi)
    mov %ebx, 4(%edi)
    add $0x1000, %eax
    add $8, %edi
    loop 3b
    # From 4 GiB on all is private, in pages of 1 GiB. Every processor with SNP or TDX has them, and walks
    # these tables itself, whatever CPUID says; without a TEE nothing up there is reached for.
    mov $LARGE, %eax
    lea 1(%ebx), %ecx
4:  mov %eax, (%edi)
    mov %ecx, 4(%edi)
    add $0x40000000, %eax
    adc $0, %ecx
    add $8, %edi
    cmp $({PAGE_TABLES} + 0x2000), %edi
    jb 4b
    mov $({PAGE_TABLES} + 0x2000), %edi
    mov $LARGE, %eax
5:  mov %eax, (%edi)
    mov %ebx, 4(%edi)
    cmp ${RAM_END}, %eax
    jb 6f
    mov %ebp, 4(%edi)
6:  add $8, %edi
    add $0x200000, %eax
    jnc 5b
    mov %edx, %edi
    cmp $TDX, %edi
    jne enter_long_mode
    movl $1, {MAILBOX_READY}

# EDI: the kind. ESI: the processor.
enter_long_mode:
    mov ${PAGE_TABLES}, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    cmp $TDX, %edi                      # a TD starts with LME set
    je 7f
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
7:  mov %cr0, %eax
    and $CR0_KEPT, %eax
    or $CR0_SET, %eax
    mov %eax, %cr0
    ljmp $CODE_64, $in_long_mode

.code64
in_long_mode:
    test %esi, %esi
    jnz wait_for_the_kernel
    mov ${STACK_END}, %esp
    xor %ebp, %ebp
    mov %edi, {STACK}
    call shim_main
    ud2

# A TD's other processors: ACPI's multiprocessor wakeup mailbox (ACPI 6.5, section 5.2.12.19). The local
# APIC's number is the processor's.
wait_for_the_kernel:
    pause
    cmpw $1, {MAILBOX}
    jne wait_for_the_kernel
    cmp %esi, {MAILBOX} + 4
    jne wait_for_the_kernel
    mov {MAILBOX} + 8, %rax
    movw $0, {MAILBOX}
    jmp *%rax

# shim_hand_over(entry, boot_params): by Linux's 64-bit boot protocol, the stack scrubbed.
.globl shim_hand_over
shim_hand_over:
    mov %rdi, %rdx
    mov ${STACK}, %edi
    mov $(({STACK_END} - {STACK}) / 8), %ecx
    xor %eax, %eax
    rep stosq
    mov ${STACK_END}, %esp
    xor %ebx, %ebx
    xor %ebp, %ebp
    xor %edi, %edi
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    jmp *%rdx
.popsection

.pushsection .rodata.shim_entry, "a"
.balign 8
gdt:
    .quad 0
    .quad 0x00CF9B000000FFFF
    .quad 0x00AF9B000000FFFF
    .quad 0x00CF93000000FFFF
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt
    .long 0
no_events:
    .word 0
    .quad 0
.popsection
