"""What must hold of splits, duplicates, source names and tables for any input (hypothesis)."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesocore.data.assembled_set import MANIFEST, ORIGINALS, REJECTED, SPLITS, AssembledSet
from mesocore.data.assembly import duplicates, splits
from mesocore.data.assembly.duplicates import MAX_DISTANCE
from mesocore.data.sources import labels, scanning
from tests.factories import ABOUT

settings.register_profile("course", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("course")

# What a CSV reader may take for something else than text.
LOOKALIKES = ["NA", "null", "nan", "None", "007", "1e5", "True", "", " ", "-", "inf", "2026-01-02"]
WORDS = st.sampled_from(LOOKALIKES) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12
)
LABELLED = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["real/a", "fake/a", "fake/b"])),
    min_size=1, max_size=60,
)  # fmt: skip
SHARES = st.tuples(st.integers(1, 8), st.integers(0, 4), st.integers(0, 4)).map(
    lambda parts: tuple(part / sum(parts) for part in parts)
)
HASHES = st.integers(0, 2**64 - 1)
FOLDERS = st.lists(
    st.lists(st.sampled_from(["faces", "NA", "a", "b", "007"]), min_size=1, max_size=4),
    min_size=1, max_size=6, unique_by=tuple,
)  # fmt: skip


@given(LABELLED, SHARES, st.integers(0, 3), st.randoms(use_true_random=False))
def test_groups_are_whole_and_neither_order_nor_index_matters(rows, shares, seed, shuffler):
    group = pd.Series([f"g{number}" for number, _ in rows])
    stratum = pd.Series([name for _, name in rows])
    split = splits.assign(group, stratum, shares, seed)
    assert split.isin(SPLITS).all()
    assert (split.groupby(group).nunique() == 1).all()
    order = shuffler.sample(range(len(rows)), len(rows))
    again = splits.assign(group.iloc[order], stratum.iloc[order], shares, seed)
    assert again.sort_index().equals(split)


@given(
    st.dictionaries(st.sampled_from(["real/a", "fake/a", "fake/b"]), st.integers(1, 40),
                    min_size=1),
    SHARES,
    st.integers(0, 3),
)  # fmt: skip
def test_with_groups_of_one_no_stratum_misses_its_share_by_an_image(sizes, shares, seed):
    stratum = pd.Series([name for name, size in sizes.items() for _ in range(size)])
    group = pd.Series([f"g{row}" for row in range(len(stratum))])
    split = splits.assign(group, stratum, shares, seed)
    for name, size in sizes.items():
        counts = split[stratum == name].value_counts().reindex(SPLITS, fill_value=0)
        for part, share in zip(SPLITS, shares, strict=True):
            assert abs(counts[part] - share * size) < 1 + 1e-6


@st.composite
def hash_sets(draw) -> list[int]:
    """Hashes of which some are a few bits apart, around `MAX_DISTANCE` of them."""
    found = draw(st.lists(HASHES, min_size=1, max_size=12))
    for origin in draw(st.lists(st.sampled_from(found), max_size=12)):
        bits = draw(st.sets(st.integers(0, 63), max_size=MAX_DISTANCE + 3))
        found.append(origin ^ sum(1 << bit for bit in bits))
    return draw(st.permutations(found))


@given(hash_sets())
def test_candidates_are_those_of_a_full_comparison(values):
    hashes = np.array(values, dtype=np.uint64)
    wanted = [
        [i, j]
        for i, j in itertools.combinations(range(len(values)), 2)
        if (values[i] ^ values[j]).bit_count() <= MAX_DISTANCE
    ]
    assert duplicates.candidate_pairs(hashes).tolist() == wanted


@given(st.integers(1, 15).flatmap(lambda count: st.tuples(
    st.just(count), st.lists(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=20)
)))  # fmt: skip
def test_components_join_what_a_chain_of_pairs_links_and_nothing_else(graph):
    count, pairs = graph
    found = duplicates.components(count, np.array(pairs, dtype=np.int64).reshape(-1, 2))
    linked = {node: {node} for node in range(count)}
    for a, b in pairs:
        union = linked[a] | linked[b]
        linked.update(dict.fromkeys(union, union))
    for a, b in itertools.combinations(range(count), 2):
        assert (found[a] == found[b]) == (b in linked[a])


def _nested(folders: list[list[str]]) -> bool:
    paths = [Path("/", *folder) for folder in folders]
    return any(a != b and a.is_relative_to(b) for a in paths for b in paths)


@given(FOLDERS.filter(lambda folders: not _nested(folders)), st.randoms(use_true_random=False))
def test_sources_have_distinct_names_that_no_order_changes(folders, shuffler):
    paths = [Path("/nowhere", *folder) for folder in folders]
    names = scanning.source_names(paths)
    assert len(set(names.values())) == len(paths)
    for path, name in names.items():
        assert name.endswith(path.name) and "/" not in name
    again = scanning.source_names(shuffler.sample(paths, len(paths)))
    assert again == names


@given(
    st.lists(st.sampled_from(["NA", "x", "holiday", "2020"]), max_size=3),
    st.sampled_from(
        [(word, "real") for word in labels.REAL_WORDS]
        + [(word, "fake") for word in labels.FAKE_WORDS]
    ),  # fmt: skip
    st.lists(st.sampled_from(["NA", "x", "masks", "2020"]), max_size=3),
    st.booleans(),
)
def test_the_nearest_labelled_folder_decides_in_any_case_of_letters(above, word, below, shout):
    name, label = word
    folder = name.upper() if shout else name
    opposite = "fake" if label == "real" else "real"
    place = "/".join([*above, folder, *below])
    assert labels.FolderLabels([place], "holiday")[place].label == label
    inside, beside = f"{opposite}/{place}", f"{opposite}/{opposite}"
    assert labels.FolderLabels([inside], "holiday")[inside].label is None  # they contradict
    both = labels.FolderLabels([inside, beside], "holiday")
    assert (both[inside].label, both[beside].label) == (label, opposite)


def _table(columns: list[str], rows: int, **fixed) -> st.SearchStrategy:
    """Tables of at least so many rows; a path stands in one alone."""
    row = st.fixed_dictionaries({name: fixed.get(name, WORDS) for name in columns})
    once = (lambda found: found["path"]) if "path" in columns else None
    return st.lists(row, min_size=rows, max_size=8, unique_by=once).map(
        lambda found: pd.DataFrame(found, columns=columns)
    )


SIZES = st.integers(1, 10_000)
FLAGS = st.booleans()
NAMES = WORDS.filter(bool)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    manifest=_table(
        MANIFEST, 2, label=st.sampled_from(["real", "fake"]), split=st.sampled_from(SPLITS),
        width=SIZES, height=SIZES, path=NAMES, source=NAMES, group=NAMES, origin=NAMES,
    ),
    rejected=_table(REJECTED, 0),
    originals=_table(
        ORIGINALS, 1, bytes=SIZES, width=SIZES, height=SIZES, progressive=FLAGS, exif=FLAGS,
        icc=FLAGS, quantisation=st.floats(0, 255), origin=NAMES,
        original=st.sampled_from(["0" * 64, "f" * 64]),
    ),
)  # fmt: skip
def test_a_set_gives_back_the_text_that_was_written(tmp_path, manifest, rejected, originals):
    manifest.loc[[0, 1], "label"] = ["real", "fake"]  # a set has both
    about = ABOUT | {"sources": {"NA": "/nowhere/NA"}}
    AssembledSet.write(tmp_path, about, manifest=manifest, rejected=rejected, originals=originals)
    again = AssembledSet(tmp_path)
    for written, read in (
        (manifest, again.rows()), (rejected, again.rejected()), (originals, again.originals()),
    ):  # fmt: skip
        assert list(read.columns) == list(written.columns)
        assert read.to_dict("list") == written.to_dict("list")
    assert again.about["counts"]["inputs"] == len(manifest) + len(rejected)
