//! The same traversal for changing a tree: every node below a message, and every place in the text that it remembers.

use pg_query::protobuf as pb;

/// What is done with the parts of a tree.
pub(crate) trait Edit {
    /// A node; whoever wants what is below it goes on with [`crate::tree::parts`].
    fn node(&mut self, node: &mut pb::Node);

    /// Where something stands in the text, in bytes; -1 where it stands nowhere.
    fn location(&mut self, _at: &mut i32) {}

    /// Another place that the grammar keeps, such as the end of a list.
    fn edge(&mut self, _at: &mut i32) {}
}

/// A message whose parts can be changed.
pub(crate) trait Parts {
    /// Gives every node directly below, through messages that are no nodes of their own.
    fn parts(&mut self, e: &mut dyn Edit);
}

impl<T: Parts> Parts for Option<T> {
    fn parts(&mut self, e: &mut dyn Edit) {
        if let Some(inner) = self {
            inner.parts(e);
        }
    }
}

impl<T: Parts> Parts for Box<T> {
    fn parts(&mut self, e: &mut dyn Edit) {
        (**self).parts(e);
    }
}

impl<T: Parts> Parts for Vec<T> {
    fn parts(&mut self, e: &mut dyn Edit) {
        self.iter_mut().for_each(|item| item.parts(e));
    }
}

impl Parts for pb::Node {
    fn parts(&mut self, e: &mut dyn Edit) {
        e.node(self);
    }
}

// The raw grammar does not give these.
impl Parts for pb::FuncExpr {
    fn parts(&mut self, _e: &mut dyn Edit) {}
}

impl Parts for pb::Query {
    fn parts(&mut self, _e: &mut dyn Edit) {}
}

/// A field called `location`: a place in the text, but for the folder of a tablespace.
pub(crate) trait Place {
    fn place(&mut self) -> Option<&mut i32>;
}

impl Place for i32 {
    fn place(&mut self) -> Option<&mut i32> {
        Some(self)
    }
}

impl Place for String {
    fn place(&mut self) -> Option<&mut i32> {
        None
    }
}

/// Tells the leaves that are places from all others, by their names.
macro_rules! leaf {
    (location, $at:ident, $e:ident) => {
        if let Some(at) = crate::edit::Place::place($at) {
            $e.location(at);
        }
    };
    (rexpr_list_start, $at:ident, $e:ident) => {
        $e.edge($at)
    };
    (rexpr_list_end, $at:ident, $e:ident) => {
        $e.edge($at)
    };
    (list_start, $at:ident, $e:ident) => {
        $e.edge($at)
    };
    (list_end, $at:ident, $e:ident) => {
        $e.edge($at)
    };
    (arg_location, $at:ident, $e:ident) => {
        $e.edge($at)
    };
    (name_location, $at:ident, $e:ident) => {
        $e.edge($at)
    };
    (payload_location, $at:ident, $e:ident) => {
        $e.edge($at)
    };
    (conninfo_location, $at:ident, $e:ident) => {
        $e.edge($at)
    };
    ($other:ident, $at:ident, $e:ident) => {
        let _: &mut _ = $at;
    };
}
pub(crate) use leaf;
