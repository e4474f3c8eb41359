from tests.toys.labelled_project import finished_project


def test_the_report_is_written(no_prefect, tmp_path):
    from flows.report import write_report

    project, *_ = finished_project(tmp_path / "work")
    said = write_report.fn(str(project.root))
    assert said.message == str(project.root / "report.html")
    assert "<html" in (project.root / "report.html").read_text()[:2000]
