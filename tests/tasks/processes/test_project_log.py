import logging
import resource
import warnings

from tasks.processes.project_log import logging_to


def test_libraries_speak_to_the_file_and_not_to_the_terminal(tmp_path, capfd):
    with logging_to(tmp_path / "run.log"):
        logging.getLogger("mmengine").warning("HardDiskBackend is the alias")
        logging.getLogger("mmengine").info("loss: 0.4")
        warnings.warn("init_weights was called more than once", UserWarning, stacklevel=1)
    lines = (tmp_path / "run.log").read_text()
    for words in ("WARNING mmengine: HardDiskBackend", "INFO mmengine: loss: 0.4", "called more than once"):
        assert words in lines
    assert capfd.readouterr() == ("", "")


def test_all_is_as_before_afterwards(tmp_path):
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.raiseExceptions, warnings.showwarning)
    with logging_to(tmp_path / "run.log"):
        pass
    assert (list(root.handlers), root.level, logging.raiseExceptions, warnings.showwarning) == before
    assert not (tmp_path / "run.log").exists()


def test_what_cannot_be_written_stops_nobody(tmp_path, capfd):
    with logging_to(tmp_path / "no" / "folder" / "run.log"):
        logging.getLogger("tasks").warning("nobody reads this")
    assert capfd.readouterr() == ("", "")


def test_a_disk_that_has_no_room_for_the_log_stops_nobody_either(tmp_path, capfd):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with logging_to(tmp_path / "run.log"):
            logging.getLogger("tasks").warning("nobody reads this")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "run.log").read_bytes() == b""
    assert capfd.readouterr() == ("", "")
