use std::sync::Arc;

use domain::UsageRecord;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use crate::columns::{Column, all};

/// Rows cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("usage rows cannot be written as Parquet")]
pub struct EncodeError(#[source] ParquetError);

/// One file of rows.
pub fn encode(rows: &[UsageRecord]) -> Result<Vec<u8>, EncodeError> {
    write(rows).map_err(EncodeError)
}

fn write(rows: &[UsageRecord]) -> Result<Vec<u8>, ParquetError> {
    let columns = all();
    let fields: Vec<_> = columns.iter().map(|(name, column)| column.declared().replace("{}", name)).collect();
    let schema = Arc::new(parse_message_type(&format!("message usage {{ {}; }}", fields.join("; ")))?);
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    // The columns' accessors lend mutably, one for reading and writing a field.
    let mut rows = rows.to_vec();
    for (_, column) in &columns {
        let Some(mut sink) = group.next_column()? else { break };
        write_column(&mut sink, column, &mut rows)?;
        sink.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(file)
}

fn write_column(
    sink: &mut SerializedColumnWriter<'_>,
    column: &Column,
    rows: &mut [UsageRecord],
) -> Result<usize, ParquetError> {
    match column {
        Column::U32(of) => {
            let values: Vec<_> = rows.iter_mut().map(|row| of(row).cast_signed()).collect();
            sink.typed::<Int32Type>().write_batch(&values, None, None)
        }
        Column::U64(of) => {
            let values: Vec<_> = rows.iter_mut().map(|row| of(row).cast_signed()).collect();
            sink.typed::<Int64Type>().write_batch(&values, None, None)
        }
        Column::I64(of) => {
            let values: Vec<_> = rows.iter_mut().map(|row| *of(row)).collect();
            sink.typed::<Int64Type>().write_batch(&values, None, None)
        }
        Column::Text(of) => {
            let values: Vec<_> = rows.iter_mut().map(|row| ByteArray::from(of(row).as_str())).collect();
            sink.typed::<ByteArrayType>().write_batch(&values, None, None)
        }
        Column::Word(get, _) => {
            let values: Vec<_> = rows.iter().map(|row| ByteArray::from(get(row).as_str())).collect();
            sink.typed::<ByteArrayType>().write_batch(&values, None, None)
        }
        Column::OptionalU64(of) => {
            let all: Vec<_> = rows.iter_mut().map(|row| of(row).map(u64::cast_signed)).collect();
            let values: Vec<_> = all.iter().copied().flatten().collect();
            sink.typed::<Int64Type>().write_batch(&values, Some(&levels(&all)), None)
        }
        Column::OptionalWord(get, _) => {
            let all: Vec<_> = rows.iter().map(get).collect();
            let values: Vec<_> = all.iter().flatten().map(|text| ByteArray::from(text.as_str())).collect();
            sink.typed::<ByteArrayType>().write_batch(&values, Some(&levels(&all)), None)
        }
    }
}

fn levels<T>(all: &[Option<T>]) -> Vec<i16> {
    all.iter().map(|value| i16::from(value.is_some())).collect()
}
