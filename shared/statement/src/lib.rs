//! SQL text to judged facts, by PostgreSQL's own grammar (libpg_query).
//!
//! Pure: text and limits in, [`Analysis`] or [`Refusal`] out. No policy lives here, no catalogue, and nothing that
//! sends a statement anywhere. What cannot be understood is [`Opaque`] or refused, never skipped.

mod analyse;
mod attribute;
mod catalogue;
mod chain;
pub mod closure;
mod column;
mod copy_shape;
mod edit;
mod facts;
mod function;
mod note;
mod object;
mod query;
mod record;
mod refusal;
mod scan;
mod setting;
mod shape;
mod substitute;
mod syntax;
mod tree;
mod verb;
mod walk;

pub use analyse::{Analysis, MAX_STATEMENTS, STACK_BYTES, TextLimits, analyse};
pub use catalogue::{Catalogue, Column, Entry, Exposure, Masked, Origin, QualifiedName};
pub use copy_shape::{CopyFormat, CopyShape, copy_shape};
pub use facts::{
    Access, Copy, Facts, Function, How, Opaque, Prepared, Relation, Setting, SettingAct, SettingValue, Touch,
    Transaction,
};
pub use object::{Act, Change, Kind};
pub use record::{RECORD_BYTES, record};
pub use refusal::Refusal;
pub use substitute::{Situation, Substituted, Unsubstitutable, is_image_parameter, substitute};
pub use verb::{Class, Verb, Verbs};
pub use walk::MAX_NAMES;
