"""What every section of the configuration shares."""

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A frozen group of keys; a key it does not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        """Read a heading whose keys are all commented out as all defaults."""
        return {} if value is None else value
