"""Every record has its table and every table its record, column by column."""

from typing import get_args, get_type_hints

import pytest

from daemon.domain.records import RECORD_TYPES, Record
from daemon.journal import migrate, schema
from daemon.journal.rows import FIELD_NAMES


def test_every_record_has_a_table_and_every_table_a_record() -> None:
    assert {record_type.TABLE for record_type in RECORD_TYPES} == set(schema.METADATA.tables)


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_columns_are_seq_and_the_fields_in_their_order(record_type: type[Record]) -> None:
    table = schema.METADATA.tables[record_type.TABLE]
    assert tuple(table.columns.keys()) == ("seq", *FIELD_NAMES[record_type])


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_a_column_may_be_null_exactly_where_the_field_may_be_none(record_type: type[Record]) -> None:
    hints = get_type_hints(record_type)
    optional = {name for name in FIELD_NAMES[record_type] if type(None) in get_args(hints[name])}
    table = schema.METADATA.tables[record_type.TABLE]
    assert {column.name for column in table.columns if column.nullable} == optional


def test_seq_is_the_primary_key_of_every_table() -> None:
    assert {tuple(table.primary_key.columns.keys()) for table in schema.METADATA.tables.values()} == {("seq",)}


def test_revision_is_the_newest_migration() -> None:
    assert migrate.head() == schema.REVISION
