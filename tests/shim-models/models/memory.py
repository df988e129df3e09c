"""Guest-physical memory, shared by the two processor modes, and who may touch which page."""

import ctypes
import mmap
import random

PAGE = 0x1000
LARGE_PAGE = 0x20_0000


class Violation(Exception):
    """The shim did what a secure guest must never do: a fault of the shim, not of the host."""


class Memory:
    """Ranges of RAM, the first from 0, and some windows elsewhere (staging area, reset page), each one buffer."""

    def __init__(self, ram, seed):
        self.windows = []
        self.random = random.Random(seed)
        self.ram = ram
        for start, length in ram:
            self.add_window(start, length)

    def is_ram(self, address, length):
        """Whether all of it is, in one range."""
        return any(start <= address and address + length <= start + size for start, size in self.ram)

    def add_window(self, start, length):
        length = (length + PAGE - 1) & ~(PAGE - 1)
        buffer = mmap.mmap(-1, length)
        self.windows.append((start, length, buffer))

    def pointer(self, address, length):
        buffer, offset = self._find(address, length)
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer)) + offset

    def usable(self, states):
        """What the processor reaches at first: of RAM what `states` says, of the other windows all."""
        yield from states.usable_at_start()
        for start, length, _ in self.windows[len(self.ram) :]:
            yield start, length

    def _find(self, address, length):
        for start, size, buffer in self.windows:
            if start <= address and address + length <= start + size:
                return buffer, address - start
        raise Violation(f"access to {address:#x}, where there is no memory")

    def read(self, address, length):
        buffer, offset = self._find(address, length)
        return bytes(buffer[offset : offset + length])

    def write(self, address, content):
        buffer, offset = self._find(address, len(content))
        buffer[offset : offset + len(content)] = content

    def scramble(self, address, length):
        """What a page holds that was never written under this guest's key: nothing to rely on."""
        self.write(address, self.random.randbytes(length))


class PageStates:
    """Which pages the guest may use: placed by the launch, or validated (accepted) by the shim, once."""

    def __init__(self, memory):
        self.memory = memory
        self.placed = set()
        self.taken = set()
        self.on_take = lambda first, count: None

    def is_usable(self, page):
        return page in self.placed or page in self.taken

    def take(self, pages, zeroed):
        """The shim validates or accepts `pages`, a range: a second time is the caller's to refuse."""
        self.taken.update(pages)
        address, length = pages.start * PAGE, len(pages) * PAGE
        if zeroed:
            self.memory.write(address, bytes(length))
        else:
            self.memory.scramble(address, length)
        self.on_take(address, length)

    def usable_at_start(self):
        """The ranges of RAM that need nobody's validation, as (address, length)."""
        for page in sorted(self.placed):
            if self.memory.is_ram(page * PAGE, PAGE):
                yield page * PAGE, PAGE
