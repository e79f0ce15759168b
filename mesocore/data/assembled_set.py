"""An assembled set on disk: the only place that reads and writes its files.

    manifest.csv    one row per image: `MANIFEST`
    rejected.csv    every input that was left out: `REJECTED`
    originals.csv   what the header of each accepted original said: `ORIGINALS`
    assembly.json   settings, sources, counts and hash; written last, so a set that has it is whole
    images/         the matched images
    .cache/         decoded images (cache.py) and the inputs' stamps (assembly/inputs.py), made anew
                    where they are missing; elsewhere if the folder is read-only (cache_folder.py)

Names are text whatever they look like: a source folder called `NA` or `007` is read back as that.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mesocore.core.errors import UserError
from mesocore.core.files import put_in_place, sha256_file, write_json, write_text
from mesocore.core.images import BadImage, Preparation, open_rgb, prepare
from mesocore.core.schemas import PLACE, read_json, read_table
from mesocore.data import schemas
from mesocore.data.cache_folder import cache_folder
from mesocore.data.earlier_manifests import same_set
from mesocore.data.schemas import LABELS, SPLITS

GENERATED = "generated"  # the `edit` of a fake that is nobody's photograph
MANIFEST, REJECTED, ORIGINALS = map(list, (schemas.MANIFEST, schemas.REJECTED, schemas.ORIGINALS))
_TABLES = {"manifest.csv": schemas.MANIFEST, "rejected.csv": schemas.REJECTED,
           "originals.csv": schemas.ORIGINALS}  # fmt: skip
CACHE, INPUTS = ".cache", "inputs.json"
_ABOUT = "assembly.json"


class AssembledSet:
    """A complete assembled set in `folder`. Raises `UserError` if there is none.

    Tables are read from disk at every call, so they say what is there now.
    """

    def __init__(self, folder: "str | Path | AssembledSet"):
        self.folder = Path(folder)
        if not self.exists(self.folder):
            raise UserError(f"{self.folder} is no assembled set; make one: "
                            f"mesocore assemble {self.folder} --out NEW_FOLDER")  # fmt: skip

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        return f"AssembledSet({str(self.folder)!r})"

    @staticmethod
    def exists(folder: str | Path) -> bool:
        """True if `folder` holds a complete set: its last file, `assembly.json`, is there."""
        return (Path(folder) / _ABOUT).is_file()

    @staticmethod
    def or_raw(folder: str | Path) -> bool:
        """True for a complete set, False for a folder as somebody has it.

        Raises `UserError` for a set that lacks its last file: that is neither.
        """
        folder = Path(folder)
        if AssembledSet.exists(folder):
            return True
        if all((folder / name).exists() for name in (*_TABLES, "images")):
            raise UserError(f"{folder} holds an assembled set without its {_ABOUT}; restore the "
                            "file, or run mesocore assemble again")  # fmt: skip
        return False

    @property
    def name(self) -> str:
        """The folder's name, by which records call the set."""
        return self.folder.name

    @functools.cached_property
    def about(self) -> dict:
        """assembly.json: preparation, split, seed, sources, recipe if any, counts, versions."""
        return read_json(self.folder / _ABOUT, schemas.About, self._fix)

    @property
    def _fix(self) -> str:
        return f"restore the file, or remove {self.folder} and assemble it anew"

    @property
    def sources(self) -> dict[str, Path]:
        """Name of each source -> the folder that it was read from."""
        return {name: Path(place) for name, place in self.about["sources"].items()}

    @property
    def preparation(self) -> Preparation:
        """How the images were prepared: what a new image must go through before the model."""
        return Preparation.from_dict(self.about["preparation"])

    @property
    def manifest_sha256(self) -> str:
        """SHA-256 of the manifest as it is now: what a model was trained or measured on."""
        return sha256_file(self.folder / "manifest.csv")

    def learnt_by(self, config: Mapping) -> bool:
        """True if a run of these settings was trained on this very set, by its manifest's hash."""
        return same_set(config.get("manifest_sha256"), self.manifest_sha256)

    def rows(self, split: str = "all") -> pd.DataFrame:
        """The manifest's rows of one split (`train`, `val`, `test`) or of `all`: `MANIFEST`.

        Raises `UserError` for another word or an empty split.
        """
        if split not in (*SPLITS, "all"):
            raise UserError(
                f"no split is called {split!r}; choose one of: {', '.join(SPLITS)}, all"
            )
        table = self._table("manifest.csv")
        if split != "all":
            table = table[table["split"] == split].reset_index(drop=True)
        if table.empty:
            raise UserError(f"{self.folder}: the {split} split is empty; assemble more images")
        return table

    def rejected(self) -> pd.DataFrame:
        """What was left out, and why: `REJECTED`, sorted by origin."""
        return self._table("rejected.csv")

    def originals(self) -> pd.DataFrame:
        """The headers of the accepted originals, as assembly saw them: `ORIGINALS`."""
        return self._table("originals.csv")

    def original_ids(self, *splits: str, left_out: Collection[str] = ()) -> np.ndarray:
        """The first 64 bits of the SHA-256 of the original file of each image: uint64 `(N,)`.

        Of the splits named, without the sources `left_out`, sorted. They tell whether a file was in
        a set that is not at hand. Raises `UserError` if originals.csv lacks one.
        """
        rows = self._table("manifest.csv")
        wanted = rows["split"].isin(splits) & ~rows["source"].isin(left_out)
        originals = self.originals().drop_duplicates("origin").set_index("origin")["original"]
        found = originals.reindex(rows.loc[wanted, "origin"])
        if found.isna().any():
            raise UserError(f"{self.folder / 'originals.csv'} has no row of "
                            f"{found.index[found.isna()][0]}; {self._fix}")  # fmt: skip
        return np.sort(file_ids(found))

    def original_path(self, origin: str) -> Path:
        """Where the original with this `origin` was read from; it may be gone."""
        source, _, relative = origin.partition("/")
        if source not in self.sources:
            raise UserError(f"{self.folder / _ABOUT}: sources has no {source!r}, from which "
                            f"originals.csv has {origin}; {self._fix}")  # fmt: skip
        return self.sources[source] / relative

    def parameters(self) -> pd.DataFrame | None:
        """What a program drew each image from, indexed by `origin`; None if no source says it.

        The rows of every source's params.csv (synthfaces.py).
        """
        found = []
        for source, place in self.sources.items():
            file = place / "params.csv"
            if file.is_file():
                read_table(file, {"path": PLACE}, f"correct it, or remove it from {place}")
                table = pd.read_csv(file)
                found.append(table.set_index(source + "/" + table["path"]))
        return pd.concat(found) if found else None

    def mask(self, row: pd.Series) -> np.ndarray | None:
        """The pixels that an edit changed, bool `(S, S)`, for a manifest row; None if unknown.

        From the mask that assembly found beside the original, prepared as the original was.
        """
        path = self._masks.get(row["origin"])
        if path is None or not path.is_file():
            return None
        as_prepared = replace(self.preparation, resample="nearest")
        try:
            mask = open_rgb(path)
            if as_prepared.margin is not None:
                from mesocore.faces.face_finder import face_square  # late: OpenCV is slow to load

                original = open_rgb(self.original_path(row["origin"]))
                mask = mask.crop(face_square(original, as_prepared.margin))
            values = np.asarray(prepare(mask, as_prepared)).max(axis=2)  # (S, S)
            return values > values.max() // 2  # 0 and 1, or 0 and 255, with JPEG's ripples
        except BadImage:
            return None

    @functools.cached_property
    def _masks(self) -> dict[str, Path]:
        """origin -> mask, of the images that have one."""
        table = self.originals()
        table = table[table["mask"] != ""]
        return {origin: self.original_path(origin.partition("/")[0] + "/" + mask)
                for origin, mask in zip(table["origin"], table["mask"], strict=True)}  # fmt: skip

    def cache_file(self, split: str, size: int) -> Path:
        """Where the packed cache of a split at `size` px is; another manifest has another name."""
        name = f"{split}-{size}-{self.manifest_sha256[:12]}.npy"
        return cache_folder(self.folder, name) / name

    @classmethod
    def write(
        cls,
        folder: Path,
        about: dict,
        *,
        manifest: pd.DataFrame,
        rejected: pd.DataFrame,
        originals: pd.DataFrame,
        card: Callable[[dict], str] | None = None,
    ) -> "AssembledSet":
        """Writes the tables, adds counts and the manifest's hash to `about`, and completes the set.

        Images are there already. Columns beyond those of each table are left out. `card` makes
        README.md from what goes into assembly.json.
        """
        write_rejected(folder, rejected)
        _write_csv(folder / "manifest.csv", manifest[MANIFEST])
        _write_csv(folder / "originals.csv", originals[ORIGINALS])
        known = {
            "counts": counts(manifest, rejected),
            "manifest_sha256": sha256_file(folder / "manifest.csv"),
        }
        versions = {"versions": about["versions"]} if "versions" in about else {}
        settings = {key: value for key, value in about.items() if key not in {*known, *versions}}
        about = settings | known | versions
        if card:
            write_text(folder / "README.md", card(about))
        write_json(folder / _ABOUT, about)
        return cls(folder)

    def _table(self, name: str) -> pd.DataFrame:
        file = self.folder / name
        table = read_table(file, _TABLES[name], self._fix, ours=True)
        if name == "manifest.csv" and (twice := table["path"].duplicated()).any():
            row = int(twice.to_numpy().argmax())
            raise UserError(
                f"{file}, row {row + 1}: {table['path'][row]} stands twice; {self._fix}"
            )
        return table


def file_ids(sha256: Iterable[str]) -> np.ndarray:
    """uint64 `(N,)`: the first 64 bits of each hash in hexadecimal."""
    return np.array([int(digest[:16], 16) for digest in sha256], dtype=np.uint64)


def write_rejected(folder: Path, rejected: pd.DataFrame) -> None:
    """rejected.csv alone: a set that cannot be completed says why."""
    _write_csv(folder / "rejected.csv", rejected[REJECTED])


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    half = path.with_name(f".{path.name}.tmp")
    table.to_csv(half, index=False, lineterminator="\n")  # a part at a time: memory stays flat
    put_in_place(half, path)


def counts(manifest: pd.DataFrame, rejected: pd.DataFrame) -> dict:
    """`inputs` = `accepted` + `rejected`, `reasons`, `groups`, and `splits` by label."""
    by_split = pd.crosstab(manifest["split"], manifest["label"])
    by_split = by_split.reindex(SPLITS, fill_value=0)[list(LABELS)]
    reasons = rejected["reason"].str.split(":").str[0].value_counts()
    return {
        "inputs": len(manifest) + len(rejected),
        "accepted": len(manifest),
        "rejected": len(rejected),
        "reasons": {text: int(number) for text, number in sorted(reasons.items())},
        "groups": int(manifest["group"].nunique()),
        "splits": {name: {k: int(v) for k, v in row.items()} for name, row in by_split.iterrows()},
    }


def family_of(sources: Iterable[str]) -> dict[str, str]:
    """Each source and its family: those whose names begin with another's and "-" belong to that."""
    found: dict[str, str] = {}
    for name in sorted(set(sources)):
        found[name] = next((f for f in found.values() if name.startswith(f"{f}-")), name)
    return found


def kinds(table: pd.DataFrame) -> pd.Series:
    """What made each image of a manifest: "real", "generated", "edited", or "fake" if unknown."""
    edit = table["edit"] if "edit" in table else pd.Series("", index=table.index)
    kind = edit.where(edit.isin(["", GENERATED]), "edited").replace("", "fake")
    return kind.mask(table["label"] == "real", "real").rename("kind")
