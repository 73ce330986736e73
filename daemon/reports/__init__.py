"""What reaches people who were not looking: the report of a day, collected from the journal, as HTML and JSON.

`day_report` collects (with `journal_day` asking what `journal.queries` does not), `execution_quality` sums up, `render`
writes it out and `files` puts it in its place; `child` lets the running daemon have it done by another process. Reports
only read the journal, and say the same whenever they are made: nothing in them depends on the present.
"""
