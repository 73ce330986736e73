"""The paper-trading daemon."""
