"""Runs one launch: reads its description from a folder, writes what came of it as JSON.

    python3 run.py FOLDER

FOLDER/launch.json says what the launch placed where, FOLDER/pages.bin holds the contents.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

from kernel import kernel_of
from memory import PAGE, Memory, Violation
from outcome import Ended
from plain import Plain
from processor import Processor
from snp import Snp
from tdx import Tdx


def main():
    folder = Path(sys.argv[1])
    launch = json.loads((folder / "launch.json").read_text())
    contents = (folder / "pages.bin").read_bytes()
    memory = Memory([tuple(one) for one in launch["ram"]], launch.get("seed", 1))
    platform = make_platform(launch, memory)
    place(launch, contents, memory, platform)
    image = [(page["gpa"], memory.read(page["gpa"], page["length"])) for page in launch["placed"]
             if page["code"]]
    host = Host(launch, memory)
    processor = Processor(memory, platform, image, launch["private_end"], host)
    result = run(processor, launch)
    if result["outcome"] == "entered":
        result["woken"] = [wake(processor, launch, memory, one) for one in launch["wake"]]
        result["parked"] = [processor.run_parked(one["state"], one["vector"]) for one in host.parked]
        if launch["kernel_length"]:
            result["kernel"] = run_kernel(processor, launch, platform, result["registers"])
    result["read"] = sorted(host.read)
    result.update(after(launch, memory, platform))
    print(json.dumps(result))


def make_platform(launch, memory):
    tricks = launch.get("tricks", {})
    if launch["kind"] == "snp":
        return Snp(memory, tricks)
    if launch["kind"] == "tdx":
        return Tdx(memory, tricks, launch["vcpus"])
    return Plain(memory, tricks)


def place(launch, contents, memory, platform):
    """RAM starts as noise; the launch's pages and the shared windows are as the host made them."""
    for start, length in memory.ram:
        if launch["kind"] == "plain":
            memory.write(start, bytes(length))
        else:
            memory.scramble(start, length)
    for window in launch["windows"]:
        memory.add_window(window["gpa"], window["length"])
    for piece in launch["placed"] + launch["shared"]:
        content = contents[piece["offset"] : piece["offset"] + piece["length"]]
        memory.write(piece["gpa"], content + bytes(-len(content) % PAGE))
    for piece in launch["placed"]:
        first = piece["gpa"] // PAGE
        platform.states.placed.update(range(first, first + -(-piece["length"] // PAGE)))


class Host:
    """A host that changes shared memory while the guest reads it, and injects events where a TEE lets it."""

    def __init__(self, launch, memory):
        tricks = launch.get("tricks", {})
        self.memory = memory
        self.injects = launch["kind"] == "snp"
        # What a launch measures of an SNP guest, and what a TD starts with.
        self.first_table = tricks.get("first_table", (0, 0xFFFF if launch["kind"] == "tdx" else 0))
        self.parked = tricks.get("parked", [])
        self.observed = tricks.get("observed", [])
        self.read = set()
        self.events = {event["mode"]: event for event in tricks.get("events", [])}
        self.changes = [dict(change) for change in tricks.get("change_after_access", [])]

    def event(self, mode):
        return self.events.get(mode)

    def watched(self):
        return [change["armed_by"] for change in self.changes] + self.observed

    def on_read(self, address):
        self.read.add(address)
        for change in self.changes:
            if change["armed_by"] == address:
                self.memory.write(change["gpa"], bytes.fromhex(change["bytes"]))


def run(processor, launch):
    try:
        processor.run(launch["start"], launch["registers"], launch["kernel_entry"])
    except Ended as end:
        return end.result
    except Violation as violation:
        return {"outcome": "violation", "what": str(violation)}
    return {"outcome": "violation", "what": "it never stopped"}


def run_kernel(processor, launch, platform, registers):
    """What the kernel said, and how it ended."""
    kernel = kernel_of(launch["kind"], platform, processor.root)
    end = {"outcome": "violation", "what": "it never stopped"}
    try:
        processor.run_kernel(registers, launch["kernel_entry"], launch["kernel_length"], kernel)
    except Ended as ended:
        end = ended.result
    except Violation as violation:
        end = {"outcome": "violation", "what": str(violation)}
    return {"console": kernel.console.decode("ascii", "replace"), **end}


def wake(processor, launch, memory, call):
    """As Linux wakes a processor: the mailbox's command last; it is zero again when the processor has gone
    (ACPI 6.5, section 5.2.12.19)."""
    mailbox = launch["mailbox"]
    content = struct.pack("<HHIQ", call["command"], 0, call["apic_id"], call["vector"])
    memory.write(mailbox, content)
    registers = launch["registers"] | {"esi": call["processor"]}
    left = processor.wake(launch["start"], registers, call["vector"])
    (command,) = struct.unpack("<H", memory.read(mailbox, 2))
    return {"left": left, "acknowledged": command == 0}


def after(launch, memory, platform):
    """What the test compares: which pages were taken, what lies where, and what RTMRs hold."""
    ram_pages = {page for start, length in memory.ram for page in range(start // PAGE, (start + length) // PAGE)}
    states = platform.states
    missed = sorted(ram_pages - states.placed - states.taken)
    return {
        "taken": len(states.taken),
        "missed": len(missed),
        "first_missed": missed[0] if missed else None,
        "rtmrs": [rtmr.hex() for rtmr in getattr(platform, "rtmrs", [])],
        "digests": [
            hashlib.sha384(memory.read(one["gpa"], one["length"])).hexdigest() for one in launch["digest"]
        ],
        "dumps": [memory.read(one["gpa"], one["length"]).hex() for one in launch["dump"]],
        "copies": [count(memory, bytes.fromhex(needle)) for needle in launch["needles"]],
    }


def count(memory, needle):
    """How often these bytes are in RAM."""
    found = 0
    for _, _, buffer in memory.windows[: len(memory.ram)]:
        place = 0
        while (place := buffer.find(needle, place)) >= 0:
            found, place = found + 1, place + 1
    return found


if __name__ == "__main__":
    main()
