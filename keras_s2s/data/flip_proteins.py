"""The protein chains of the FLIP benchmark: sequences, their secondary structure and the residues that count.

`splits.zip` holds three FASTA files with the same record names, one letter per residue in each:

    sequences.fasta   >1es5-A                               VTKPTIAAVG…   amino acids
    sampled.fasta     >1es5-A SET=train VALIDATION=False    CCCCCCCCCE…   H helix, E strand, C coil
    mask.fasta        >1es5-A                               0011111111…   1 = resolved: score only these

Paper: Dallago et al., 2021, "FLIP: Benchmark tasks in fitness landscape inference for proteins"; the chains
are those of NetSurfP-2.0 (Klausen et al., 2019).
"""

import zipfile
from pathlib import Path

from keras_s2s.data.corpus import Pair, Splits, mask_fault

SPLIT_OF = {
    "SET=train VALIDATION=False": "train",
    "SET=train VALIDATION=True": "valid",
    "SET=test VALIDATION=False": "test",
}


def read_flip(archive: Path) -> Splits:
    """Reads FLIP's own division of the chains: 9,712 to train, 1,080 to valid, 364 to test.

    Raises:
        ValueError: The archive is broken, or its files do not fit each other.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            sequences, structures, masks = (
                _read_fasta(opened.read(f"splits/{name}.fasta").decode("ascii"))
                for name in ("sequences", "sampled", "mask")
            )
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"{archive} is not FLIP's secondary_structure/splits.zip: {error}") from error
    splits: dict[str, list[Pair]] = {"train": [], "valid": [], "test": []}
    for name, (header, structure) in structures.items():
        pair = Pair(sequences.get(name, ("", ""))[1], structure, masks.get(name, ("", ""))[1])
        if header not in SPLIT_OF or len(pair.source) != len(structure) or mask_fault(pair.mask or "", structure):
            raise ValueError(
                f"{archive}: record {name!r} ({header}) has {len(pair.source)} residues, {len(structure)} "
                f"states and a mask of {len(pair.mask or '')}; expected equal lengths and one of "
                f"{', '.join(SPLIT_OF)}."
            )
        splits[SPLIT_OF[header]].append(pair)
    return Splits(tuple(splits["train"]), tuple(splits["valid"]), tuple(splits["test"]))


def _read_fasta(text: str) -> dict[str, tuple[str, str]]:
    """Name → (the rest of the header, the letters of all its lines)."""
    records = {}
    for record in text.split(">")[1:]:
        header, _, letters = record.partition("\n")
        name, _, rest = header.strip().partition(" ")
        records[name] = (rest.strip(), "".join(letters.split()))
    return records
