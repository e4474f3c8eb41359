import shlex

from al_core.project import Project


def test_paths_of_a_project_lie_in_its_folder_and_move_with_it(tmp_path):
    project = Project.at(tmp_path / "work")
    place = project.round_dir(12) / "delivered"
    assert project.relative(place) == "rounds/0012/delivered"
    assert Project.at(tmp_path / "moved").absolute("rounds/0012/delivered") == tmp_path / "moved/rounds/0012/delivered"
    assert project.cache == project.root / "cache"
    assert Project.at(tmp_path, tmp_path / "shared").cache == tmp_path / "shared"


def test_a_copy_has_another_place_and_another_way_to_the_folder_has_not(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "work")
    project = Project.at(tmp_path / "work")
    assert project.place == Project.at(tmp_path / "link").place
    assert project.place != Project.at(tmp_path / "copy").place
    assert len(project.place) == 6


def test_the_option_of_a_command_can_be_pasted(tmp_path):
    assert Project.at("/data/work").option == "--project /data/work"
    folder = tmp_path / 'my "own" videos'
    assert shlex.split(Project.at(folder).option) == ["--project", str(folder)]
