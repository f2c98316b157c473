import dataclasses

from geppetto.runtime.limits import Limits
from geppetto.settings.find import VENDOR_VARIABLES
from geppetto.settings.layers import fields_of
from geppetto.settings.models import LimitsSettings, StepSettings
from geppetto.settings.problems import section_type


def test_every_limit_of_a_run_can_be_set_and_no_other() -> None:
    assert list(LimitsSettings.model_fields) == [field.name for field in dataclasses.fields(Limits)]
    assert Limits(**LimitsSettings().model_dump(exclude_none=True)) == Limits()


def test_every_setting_says_what_it_is_for() -> None:
    for section in StepSettings.model_fields:
        model = section_type(section)
        assert model and model.__doc__
        for key in fields_of(section):
            assert model.model_fields[key].description, f"{section}.{key}"


def test_a_name_in_environment_variables_means_one_setting() -> None:
    from geppetto.settings.environment import variable_names

    names = variable_names()
    ours = [
        key for name, key in names.items() if name.startswith("GEPPETTO_") and name not in VENDOR_VARIABLES
    ]
    assert (
        len(ours) == len(set(ours)) == sum(len(fields_of(section)) for section in StepSettings.model_fields)
    )
