use std::collections::BTreeMap;

use bytes::Bytes;
use domain::UsageRecord;
use domain::usage::SCHEMA;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::columns::{Column, all, blank};

/// A file is no usage file that this version can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not Parquet, or damaged.
    #[error("the file is no readable Parquet")]
    Parquet(#[from] ParquetError),
    /// Another schema.
    #[error("rows of schema {found}; this version reads {SCHEMA}")]
    Schema {
        /// What the rows say.
        found: u32,
    },
    /// A column is not there.
    #[error("the file has no column {column}")]
    Missing {
        /// Its name.
        column: &'static str,
    },
    /// A value that this version does not know.
    #[error("column {column} holds `{value}`, which this version does not know")]
    Value {
        /// Its name.
        column: &'static str,
        /// The value.
        value: String,
    },
}

/// The rows of a file.
pub fn decode(file: impl Into<Bytes>) -> Result<Vec<UsageRecord>, DecodeError> {
    let reader = SerializedFileReader::new(file.into())?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let places: BTreeMap<_, _> =
        schema.columns().iter().enumerate().map(|(place, column)| (column.name(), place)).collect();
    let mut rows = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let count = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        let mut part = vec![blank(); count];
        for (name, column) in all() {
            let place = *places.get(name).ok_or(DecodeError::Missing { column: name })?;
            read_column(name, &column, group.get_column_reader(place)?, &mut part)?;
            // Before anything else is believed.
            if name == "schema"
                && let Some(row) = part.iter().find(|row| row.schema != SCHEMA)
            {
                return Err(DecodeError::Schema { found: row.schema });
            }
        }
        rows.append(&mut part);
    }
    Ok(rows)
}

fn read_column(
    name: &'static str,
    column: &Column,
    reader: ColumnReader,
    rows: &mut [UsageRecord],
) -> Result<(), DecodeError> {
    let count = rows.len();
    match column {
        Column::U32(of) => {
            for (row, value) in rows.iter_mut().zip(values::<Int32Type>(reader, count)?) {
                *of(row) = value.unwrap_or_default().cast_unsigned();
            }
        }
        Column::U64(of) => {
            for (row, value) in rows.iter_mut().zip(values::<Int64Type>(reader, count)?) {
                *of(row) = value.unwrap_or_default().cast_unsigned();
            }
        }
        Column::I64(of) => {
            for (row, value) in rows.iter_mut().zip(values::<Int64Type>(reader, count)?) {
                *of(row) = value.unwrap_or_default();
            }
        }
        Column::OptionalU64(of) => {
            for (row, value) in rows.iter_mut().zip(values::<Int64Type>(reader, count)?) {
                *of(row) = value.map(i64::cast_unsigned);
            }
        }
        Column::Text(of) => {
            for (row, value) in rows.iter_mut().zip(values::<ByteArrayType>(reader, count)?) {
                value.unwrap_or_default().as_utf8()?.clone_into(of(row));
            }
        }
        Column::Word(_, set) | Column::OptionalWord(_, set) => {
            for (row, value) in rows.iter_mut().zip(values::<ByteArrayType>(reader, count)?) {
                let Some(value) = value else { continue };
                let text = value.as_utf8()?;
                if !set(row, text) {
                    return Err(DecodeError::Value { column: name, value: text.to_owned() });
                }
            }
        }
    }
    Ok(())
}

/// `count` values of one column, `None` where it is absent.
fn values<T: DataType>(
    reader: ColumnReader,
    count: usize,
) -> Result<impl Iterator<Item = Option<T::T>>, DecodeError> {
    let mut reader: ColumnReaderImpl<T> = get_typed_column_reader(reader);
    let (mut levels, mut values) = (Vec::new(), Vec::with_capacity(count));
    let mut read = 0;
    while read < count {
        let (records, _, _) = reader.read_records(count - read, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    // A required column has no levels: every value is there.
    levels.resize(count, 1);
    let mut values = values.into_iter();
    Ok(levels.into_iter().map(move |level| if level > 0 { values.next() } else { None }))
}
