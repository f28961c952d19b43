"""Import of subscriber files: what a file is for, how it is laid out, which rows are good."""

from ignite_domain.imports.classify import Classification, Classifier, Survey
from ignite_domain.imports.importer import Importer, Look, Looker, dry_run, rejects_file, summary
from ignite_domain.imports.layout import Columns, Layout, RowReader, read_columns, read_layout
from ignite_domain.imports.ports import (
    BucketObject,
    ImportBucket,
    ImportEntry,
    ImportLog,
    ImportStatus,
    ObjectChanged,
)
from ignite_domain.imports.rows import (
    BadFile,
    FileFault,
    FileType,
    PersonRow,
    Record,
    Rejection,
    RowFault,
    Tally,
)

__all__ = [
    "BadFile",
    "BucketObject",
    "Classification",
    "Classifier",
    "Columns",
    "FileFault",
    "FileType",
    "ImportBucket",
    "ImportEntry",
    "ImportLog",
    "ImportStatus",
    "Importer",
    "Layout",
    "Look",
    "Looker",
    "ObjectChanged",
    "PersonRow",
    "Record",
    "Rejection",
    "RowFault",
    "RowReader",
    "Survey",
    "Tally",
    "dry_run",
    "read_columns",
    "read_layout",
    "rejects_file",
    "summary",
]
