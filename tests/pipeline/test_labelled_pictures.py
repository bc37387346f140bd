"""Labels as users write them: read where they make sense, refused by name where they do not."""

import numpy as np
import pytest

from countenance.errors import NotFound, WrongUse
from countenance.pipeline.upkeep import labelled_pictures as labels_module
from countenance.pipeline.upkeep.labelled_pictures import read_groups, read_pairs, read_people


def people(folder, **held):
    """A folder a person, with so many pictures."""
    for name, count in held.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.jpg").write_bytes(f"{name} {number}".encode())
    return folder


# --- a folder a person -----------------------------------------------------------------------------------------------
def test_people_are_numbered_by_name_and_their_pictures_stand_together(tmp_path):
    found = read_people(people(tmp_path / "p", bob=1, ada=2))
    assert found.persons == ("ada", "bob")
    assert found.names == ("ada/0.jpg", "ada/1.jpg", "bob/0.jpg")
    assert found.people.tolist() == [0, 0, 1]
    assert (found.pairs, found.ignored) == (None, ())


def test_what_is_no_labelled_picture_is_named(tmp_path):
    root = people(tmp_path / "p", ada=2, bob=1)
    (root / "README.txt").write_text("about")
    (root / "empty").mkdir()
    (root / "ada" / "more").mkdir()
    (root / "ada" / ".hidden.jpg").write_bytes(b"")
    assert {name for name, _ in read_people(root).ignored} == {"README.txt", "empty", "ada/more", "ada/.hidden.jpg"}


def test_links_are_followed_and_a_broken_one_is_named(tmp_path):
    root = people(tmp_path / "p", ada=2)
    (root / "bob").symlink_to(root / "ada")
    (root / "ada" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    found = read_people(root)
    assert found.persons == ("ada", "bob")
    assert [name for name, _ in found.ignored] == ["ada/gone.jpg", "bob/gone.jpg"]


def test_no_folder_and_too_few_pictures_are_refused(tmp_path):
    with pytest.raises(NotFound, match="no folder"):
        read_people(tmp_path / "nowhere")
    with pytest.raises(WrongUse, match="holds no labelled pictures"):
        read_people(tmp_path)
    with pytest.raises(WrongUse, match="holds 1 labelled"):
        read_people(people(tmp_path / "p", ada=1))


# --- lists of pairs --------------------------------------------------------------------------------------------------
def listed(tmp_path, text):
    root = people(tmp_path, ada=3, bob=2, cid=1)
    (root / "pairs.csv").write_text(text)
    return root / "pairs.csv"


def pairs_of(found):
    names = found.names
    return {tuple(sorted((names[a], names[b]))) for a, b in zip(found.pairs.first, found.pairs.second, strict=True)}


def test_a_csv_of_pairs(tmp_path):
    found = read_pairs(
        listed(tmp_path, "a,b,same\nada/1.jpg,ada/0.jpg,1\n\nada/0.jpg, bob/0.jpg ,0\nbob/1.jpg,bob/0.jpg,1\n")
    )
    assert pairs_of(found) == {("ada/0.jpg", "ada/1.jpg"), ("ada/0.jpg", "bob/0.jpg"), ("bob/0.jpg", "bob/1.jpg")}
    assert (np.diff(found.people) >= 0).all()
    who = dict(zip(found.names, found.people, strict=True))
    assert who["ada/0.jpg"] == who["ada/1.jpg"] != who["bob/0.jpg"] == who["bob/1.jpg"]


def test_who_is_the_same_as_the_same_one_is_one_person(tmp_path):
    found = read_pairs(listed(tmp_path, "a,b,same\nada/0.jpg,ada/1.jpg,1\nada/2.jpg,ada/1.jpg,1\n"))
    assert len(set(found.people.tolist())) == 1


def test_a_repeated_pair_is_counted_once_and_named(tmp_path):
    text = "a,b,same\nada/0.jpg,bob/0.jpg,0\nbob/0.jpg,ada/0.jpg,0\nada/0.jpg,bob/0.jpg,0\n"
    found = read_pairs(listed(tmp_path, text))
    assert len(found.pairs.first) == 1
    assert found.pairs.repeated == ("line 3", "line 4")


@pytest.mark.parametrize("text", [
    "a,b,same\nada/0.jpg,ada/1.jpg,1\nada/1.jpg,ada/0.jpg,0\n",
    "a,b,same\nada/0.jpg,ada/1.jpg,1\nada/1.jpg,ada/2.jpg,1\nada/2.jpg,ada/0.jpg,0\n",
    "a,b,same\nada/0.jpg,ada/0.jpg,0\n",
])  # fmt: skip
def test_labels_that_contradict_each_other_are_refused_with_their_lines(tmp_path, text):
    with pytest.raises(WrongUse, match=r"contradicts itself.*lines \d"):
        read_pairs(listed(tmp_path, text))


def test_missing_files_are_named_up_to_ten_with_their_number(tmp_path):
    lines = "".join(f"ada/0.jpg,gone/{number:02}.jpg,0\n" for number in range(25))
    with pytest.raises(WrongUse, match=r"25 of the pictures.*gone/00.jpg.*gone/09.jpg and 15 more") as said:
        read_pairs(listed(tmp_path, "a,b,same\n" + lines))
    assert "gone/10.jpg" not in said.value.message


@pytest.mark.parametrize(("text", "said"), [
    ("", "first line"),
    ("x,y\n", "first line"),
    ("a,b,same\n", "no pair"),
    ("a,b,same\nada/0.jpg,ada/1.jpg\n", "line 2: not a pair"),
    ("a,b,same\nada/0.jpg,ada/1.jpg,yes\n", "line 2: not a pair"),
    ("a,b,same\nada/0.jpg,ada/1.jpg,1\n,ada/1.jpg,1\n", "line 3: not a pair"),
    ("a,b,same\nada/0.jpg,\x00,1\n", "1 of the pictures|NUL"),
    ("a,b,same\nada/0.jpg," + "x" * 5000 + ",0\n", "1 of the pictures"),
    ("10 300\nada 1\n", "line 2: not a pair"),
    ("10 300\n\nada one 2\n", "line 3: not a pair"),
    ("a,b,same\n" + "x" * 140_000 + ",b,1\n", "field larger"),
])  # fmt: skip
def test_a_list_that_is_none_is_refused(tmp_path, text, said):
    with pytest.raises(WrongUse, match=said):
        read_pairs(listed(tmp_path, text))


def test_a_list_in_another_encoding_or_nowhere_is_refused(tmp_path):
    (tmp_path / "latin.csv").write_bytes(b"a,b,same\nd\xfcrer.jpg,b.jpg,1\n")
    with pytest.raises(WrongUse, match="not text in UTF-8"):
        read_pairs(tmp_path / "latin.csv")
    with pytest.raises(NotFound, match="no file"):
        read_pairs(tmp_path / "gone.csv")
    with pytest.raises(NotFound, match="no file"):
        read_pairs(tmp_path)


def test_the_pairs_file_of_lfw(tmp_path):
    for name, count in {"Ada": 2, "Bob": 1}.items():
        (tmp_path / name).mkdir()
        for number in range(1, count + 1):
            (tmp_path / name / f"{name}_{number:04}.jpg").touch()
    (tmp_path / "pairs.txt").write_text("1\t1\nAda\t1\t2\nAda\t2\tBob\t1\n")
    found = read_pairs(tmp_path / "pairs.txt")
    assert pairs_of(found) == {("Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg"), ("Ada/Ada_0002.jpg", "Bob/Bob_0001.jpg")}
    assert found.people.tolist() == [0, 0, 1]


# --- groups ----------------------------------------------------------------------------------------------------------
def grouped(tmp_path, text):
    labelled = read_people(people(tmp_path / "p", ada=2, bob=1, cid=1))
    (tmp_path / "groups.csv").write_text(text)
    return read_groups(tmp_path / "groups.csv", labelled)


def test_groups_of_people_in_columns_of_ones_own(tmp_path):
    age, camera = grouped(tmp_path, "person,age,camera\nada,old,\ncid, young ,phone\n")
    assert (age.attribute, age.names, age.codes.tolist()) == ("age", ("old", "young"), [0, 0, -1, 1])
    assert (camera.names, camera.codes.tolist()) == (("phone",), [-1, -1, -1, 0])


def test_groups_of_pictures(tmp_path):
    [light] = grouped(tmp_path, "picture,light\nada/0.jpg,day\nada/1.jpg,night\n")
    assert light.codes.tolist() == [0, 1, -1, -1]


@pytest.mark.parametrize(("text", "said"), [
    ("", "first line"),
    ("name,age\nada,old\n", "first line"),
    ("person\nada\n", "first line"),
    ("person,age,age\nada,old,old\n", "first line"),
    ("person,age\nada,old,more\n", "1 lines do not have 2 cells"),
    ("person,age\nada,old\ndan,old\neva,old\n", "2 of the people.*dan, eva"),
    ("picture,age\nada/9.jpg,old\n", "1 of the pictures.*ada/9.jpg"),
    ("person,age\nada,old\nada,young\n", "more than once: ada"),
    ("person,age\n" + "x" * 140_000 + ",b\n", "field larger"),
    ("person,age\nada,\n", "'age' of groups.csv has no labels"),
])  # fmt: skip
def test_groups_that_do_not_fit_are_refused(tmp_path, text, said):
    with pytest.raises(WrongUse, match=said):
        grouped(tmp_path, text)


def test_too_many_groups_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(labels_module, "MAX_GROUPS", 2)
    with pytest.raises(WrongUse, match="has 3 labels"):
        grouped(tmp_path, "person,age\nada,1\nbob,2\ncid,3\n")


def test_a_list_of_pairs_has_no_people_to_group(tmp_path):
    labelled = read_pairs(listed(tmp_path, "a,b,same\nada/0.jpg,bob/0.jpg,0\n"))
    (tmp_path / "groups.csv").write_text("person,age\nada,old\n")
    with pytest.raises(WrongUse, match="names none"):
        read_groups(tmp_path / "groups.csv", labelled)
    (tmp_path / "groups.csv").write_text("picture,age\nada/0.jpg,old\n")
    [age] = read_groups(tmp_path / "groups.csv", labelled)
    assert sorted(age.codes.tolist()) == [-1, 0]


# --- a disk that fails -----------------------------------------------------------------------------------------------
def test_a_list_that_is_too_long_or_can_not_be_read_is_refused(tmp_path, monkeypatch):
    path = listed(tmp_path, "a,b,same\nada/0.jpg,bob/0.jpg,0\n")
    with monkeypatch.context() as patch:
        patch.setattr(labels_module, "MAX_TEXT_BYTES", 10)
        with pytest.raises(WrongUse, match="more than"):
            read_pairs(path)

    def fails(*_, **__):
        raise OSError(5, "Input/output error", "somewhere")

    monkeypatch.setattr(type(path), "read_text", fails)
    with pytest.raises(WrongUse, match="can't be read: Input/output error"):
        read_pairs(path)
    monkeypatch.setattr(type(path), "iterdir", fails)
    with pytest.raises(WrongUse, match="can't be read"):
        read_people(tmp_path)
