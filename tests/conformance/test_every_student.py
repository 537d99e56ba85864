import pytest
import torch

from sr2tflite.networks.students import STUDENTS


@pytest.mark.parametrize("name", STUDENTS.names())
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_student_enlarges_by_its_scale(name: str, scale: int) -> None:
    _, student = STUDENTS.parse({"name": name, "scale": scale})
    module = student.build().eval()
    with torch.no_grad():
        assert module(torch.rand(2, 3, 5, 8)).shape == (2, 3, 5 * scale, 8 * scale)


@pytest.mark.parametrize("name", STUDENTS.names())
def test_the_name_the_file_and_the_registered_name_are_one_word(name: str) -> None:
    assert STUDENTS[name].__module__.endswith(f".{name}")


@pytest.mark.parametrize("name", STUDENTS.names())
def test_every_setting_of_a_student_is_documented(name: str) -> None:
    fields = STUDENTS[name].model_fields
    assert [key for key, field in fields.items() if not field.description] == []
