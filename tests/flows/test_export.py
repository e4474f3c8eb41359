import json

from tests.toys.labelled_project import finished_project


def test_an_export_replaces_the_one_before(no_prefect, tmp_path):
    from flows.export import export

    project, *_ = finished_project(tmp_path / "work")
    for _ in range(2):
        said = export.fn(str(project.root), "coco", str(tmp_path / "labels.json"))
    assert "labels.json" in said.message
    assert json.loads((tmp_path / "labels.json").read_text())["annotations"]
