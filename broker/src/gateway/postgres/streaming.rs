//! Rows and COPY data that do not fit the read buffer: they pass in pieces, each masked as it comes, with a bounded
//! tail held back so that a number across two pieces is seen whole.

use std::sync::Arc;

use hoop_mask::{ColumnMask, Counts, Mode, StreamScanner};
use hoop_pgwire::stream::{BodyStream, Piece, RowStream};
use hoop_pgwire::{BackendTag, HEADER_LEN};

use super::columns::Columns;
use super::conversation::{Conversation, End};
use super::pipe::Pipe;
use crate::gate::Pass;

/// A frame of the target that passes in pieces.
#[derive(Debug)]
pub enum Streaming {
    /// A DataRow.
    Row {
        /// Walks its fields.
        walk: RowStream,
        /// Its columns.
        columns: Arc<Columns>,
        /// The field that a chunk was held back of.
        field: Box<Field>,
    },
    /// A CopyData frame; its scanner is the COPY's.
    Copy(BodyStream),
}

/// The field under way in a row.
#[derive(Debug)]
pub struct Field {
    scanner: StreamScanner,
    covered: bool,
    /// Its type and format, when it is to be scanned whole.
    whole: Option<(u32, bool)>,
}

/// Fields up to this many bytes are waited for and scanned by their type: a number may be spelled in hex, in binary or
/// as JSON. Text needs no waiting, whatever its length.
const WHOLE_FIELD: usize = 4 << 20;
/// Types whose values are plain text in either format: `text`, `varchar`, `char(n)`, `unknown`, `xml`.
const TEXTS: [u32; 5] = [25, 1043, 1042, 705, 142];

impl Field {
    fn new() -> Self {
        Self { scanner: StreamScanner::new(Mode::Text), covered: false, whole: None }
    }

    fn of(column: Option<&ColumnMask>, len: Option<usize>) -> Self {
        let covered = len.is_some() && column.is_some_and(|c| c.class.is_some());
        let typed = column.filter(|c| !TEXTS.contains(&c.type_oid) && len.is_some_and(|n| n <= WHOLE_FIELD));
        Self { covered, whole: typed.map(|c| (c.type_oid, c.binary)), ..Self::new() }
    }
}

const TOO_LARGE: End = End::TargetFault("a row too large to be masked by column");
const MALFORMED: End = End::TargetFault("the target sent a row that cannot be decoded");

impl Conversation {
    /// Begins a frame whose head is here. False when the frame must be whole: it is waited for.
    pub(super) fn stream_begin(&mut self, tag: BackendTag, len: usize, pipe: &mut Pipe) -> Result<bool, End> {
        match tag {
            BackendTag::DataRow => {
                let columns = self.row_columns()?;
                let walk = RowStream::new(len).map_err(|_| MALFORMED)?;
                self.streaming = Some(Streaming::Row { walk, columns, field: Box::new(Field::new()) });
            }
            BackendTag::CopyData => {
                let by_column = self.copy_out.as_ref().is_some_and(super::copy::CopyOut::by_column);
                if by_column {
                    return if len > hoop_pgwire::MAX_FRAME_LEN as usize / 64 {
                        Err(TOO_LARGE)
                    } else {
                        Ok(false)
                    };
                }
                self.streaming = Some(Streaming::Copy(BodyStream::new(len)));
            }
            _ => return Ok(false),
        }
        if let Some(run) = self.front_run().and_then(|r| self.runs.open(r)) {
            if !run.takes_row() {
                // It is not passed on: it is waited for, to be dropped whole.
                self.streaming = None;
                return Ok(false);
            }
            run.bytes += len as u64;
        }
        pipe.pass(HEADER_LEN, Pass::answer());
        Ok(true)
    }

    /// Passes what can be passed of the frame under way; false when more must be read first.
    pub(super) fn stream_on(&mut self, pipe: &mut Pipe) -> Result<bool, End> {
        let Some(mut streaming) = self.streaming.take() else { return Ok(true) };
        let (ended, moved, counts) = match &mut streaming {
            Streaming::Row { walk, columns, field } => row(walk, columns, field, pipe)?,
            Streaming::Copy(body) => self.copy_piece(body, pipe)?,
        };
        if let Some(run) = self.front_run().and_then(|r| self.runs.open(r)) {
            run.masked.merge(counts);
        }
        if !ended {
            self.streaming = Some(streaming);
        }
        Ok(ended || moved)
    }

    fn copy_piece(&mut self, body: &mut BodyStream, pipe: &mut Pipe) -> Result<(bool, bool, Counts), End> {
        let Some(copy) = self.copy_out.as_mut() else {
            return Err(End::TargetFault("the target answered what was not asked"));
        };
        let available = pipe.pending().len().min(body.left());
        let whole = available == body.left();
        let piece = &mut pipe.pending_mut()[..available];
        let (settled, counts) = copy.mask_piece(piece, whole)?;
        let taken = body.take(settled);
        pipe.pass(taken, Pass::answer());
        Ok((body.left() == 0, false, counts))
    }
}

/// Walks the row as far as it is here.
fn row(
    walk: &mut RowStream,
    columns: &Columns,
    field: &mut Field,
    pipe: &mut Pipe,
) -> Result<(bool, bool, Counts), End> {
    let mut counts = Counts::default();
    loop {
        let before = walk.clone();
        let mut at = 0;
        let piece = walk.next(pipe.pending(), &mut at).map_err(|_| MALFORMED)?;
        match piece {
            None => {
                // The bytes of a cut number are kept inside the walker.
                pipe.pass(at, Pass::answer());
                return Ok((false, false, counts));
            }
            Some(Piece::Columns(count)) if usize::from(count) != columns.each.len() => return Err(MALFORMED),
            Some(Piece::Columns(_)) => pipe.pass(at, Pass::answer()),
            Some(Piece::Field { index, len }) => {
                let column = columns.each.get(usize::from(index));
                *field = Field::of(column, len);
                if let Some(class) = column.and_then(|c| c.class.as_ref()).filter(|_| field.covered) {
                    counts.add(class);
                }
                pipe.pass(at, Pass::answer());
            }
            Some(Piece::Chunk { range, last, .. }) => {
                let (settled, found) = field.mask(&mut pipe.pending_mut()[range.clone()], last);
                counts.merge(found);
                if settled < range.len() {
                    // What is held back is walked again, with what comes behind it.
                    *walk = before;
                    if settled == 0 {
                        return Ok((false, false, counts));
                    }
                    let mut again = 0;
                    walk.next(&pipe.pending()[..settled], &mut again).map_err(|_| MALFORMED)?;
                    pipe.pass(again, Pass::answer());
                    return Ok((false, false, counts));
                }
                pipe.pass(at, Pass::answer());
            }
            Some(Piece::End) => {
                pipe.pass(at, Pass::answer());
                return Ok((true, true, counts));
            }
        }
    }
}

impl Field {
    fn mask(&mut self, chunk: &mut [u8], last: bool) -> (usize, Counts) {
        if self.covered {
            chunk.fill(b'*');
            return (chunk.len(), Counts::default());
        }
        if let Some((type_oid, binary)) = self.whole {
            return if last {
                (chunk.len(), hoop_mask::scan_field(type_oid, binary, chunk))
            } else {
                (0, Counts::default())
            };
        }
        if last {
            let counts = self.scanner.finish(chunk);
            return (chunk.len(), counts);
        }
        (self.scanner.push(chunk), Counts::default())
    }
}
