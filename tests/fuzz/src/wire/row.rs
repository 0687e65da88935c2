//! One row, whole and in pieces.

use hoop_pgwire::HEADER_LEN;
use hoop_pgwire::backend::{DataRow, Fields};
use hoop_pgwire::stream::{Piece, RowStream};

/// Values of a row.
type Values = Vec<Option<Vec<u8>>>;

/// The first byte is the size of the pieces, the rest a DataRow body: both readers must see the same row or both
/// refuse, and overwriting its values must not change its shape.
pub fn wire_row(data: &[u8]) {
    let Some((size, body)) = data.split_first() else { return };
    let whole = DataRow::decode(body).ok().map(|row| row.values().map(|v| v.map(<[u8]>::to_vec)).collect());
    assert_eq!(in_pieces(body, usize::from(*size).max(1)), whole);
    let Some(values) = whole else { return };
    let values: Values = values;
    let mut masked = body.to_vec();
    let mut fields = Fields::verify(&masked).unwrap();
    while let Some(field) = fields.next(&masked) {
        if let Some(range) = field {
            masked[range].fill(b'*');
        }
    }
    let lengths = |row: DataRow<'_>| row.values().map(|v| v.map(<[u8]>::len)).collect::<Vec<_>>();
    let row = DataRow::decode(&masked).unwrap();
    assert_eq!(lengths(row), lengths(DataRow::decode(body).unwrap()));
    assert_eq!(usize::from(row.columns()), values.len());
    assert!(row.values().flatten().flatten().all(|byte| *byte == b'*'));
}

fn in_pieces(body: &[u8], size: usize) -> Option<Values> {
    let mut stream = RowStream::new(body.len() + HEADER_LEN).ok()?;
    let mut values: Values = Vec::new();
    let mut taken = 0;
    // Without any bytes left the stream must still be able to say that the row ends.
    for input in body.chunks(size).chain([&[][..]]) {
        let mut at = 0;
        while let Some(piece) = stream.next(input, &mut at).ok()? {
            match piece {
                Piece::Columns(_) => {}
                Piece::Field { index, len } => {
                    assert_eq!(usize::from(index), values.len());
                    values.push(len.map(|_| Vec::new()));
                }
                Piece::Chunk { range, .. } => {
                    values.last_mut()?.as_mut()?.extend_from_slice(&input[range]);
                }
                Piece::End => {
                    assert_eq!((taken + at, stream.left()), (body.len(), 0));
                    return Some(values);
                }
            }
        }
        assert_eq!(at, input.len());
        taken += at;
    }
    panic!("a row that ends nowhere");
}
