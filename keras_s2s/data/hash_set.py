"""A set of 64-bit hashes in 12 to 23 bytes each, where Python's own set takes about 80."""

from array import array

FIRST_SIZE = 1 << 12
FULLEST = 0.7


class HashSet:
    """A growing set of integers, taken modulo 2⁶⁴: open addressing with linear probing in one flat array."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * FIRST_SIZE))  # 0 marks a free slot
        self._used, self._room = 0, int(FULLEST * FIRST_SIZE)

    def add(self, value: int) -> bool:
        """Takes in a hash and returns whether it is new."""
        value = value & 0xFFFF_FFFF_FFFF_FFFF or 1
        slots = self._slots
        last = len(slots) - 1
        place = value & last
        while found := slots[place]:
            if found == value:
                return False
            place = (place + 1) & last
        slots[place] = value
        self._used += 1
        if self._used > self._room:
            self._grow()
        return True

    def __len__(self) -> int:
        return self._used

    def _grow(self) -> None:
        size = 2 * len(self._slots)
        slots, last = array("Q", bytes(8 * size)), size - 1
        for value in self._slots:
            if value:
                place = value & last
                while slots[place]:
                    place = (place + 1) & last
                slots[place] = value
        self._slots, self._room = slots, int(FULLEST * size)
