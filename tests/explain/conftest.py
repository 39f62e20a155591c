"""The laboratory's page in the browser of all tests."""

import pytest

from minifcn import explain


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("laboratory") / "lab.html"
    explain.Laboratory().save_html(path)
    return path.as_uri()


@pytest.fixture
def laboratory(driver, address):
    """A function that shows the laboratory at a state; a script's error anywhere fails the test."""

    def show(state="", anew=False):
        if anew:
            driver.open(f"{address}#{state}")
        else:
            driver.visit(address, state)
        return driver

    driver.width(1600)
    driver.theme("light")
    driver.log("browser")
    yield show
    driver.command("Emulation.setTouchEmulationEnabled", enabled=False)
    assert [entry["message"] for entry in driver.log("browser")] == []
