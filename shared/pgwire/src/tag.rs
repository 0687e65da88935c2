//! The first byte of every message after start-up. Frontend and backend use the same bytes for different messages.

mod sealed {
    pub trait Sealed {}
}

/// A message type in one direction.
pub trait Tag: sealed::Sealed + Copy + Eq + std::fmt::Debug + 'static {
    /// All message types of this direction.
    const ALL: &'static [Self];
    /// Reads the type byte; `None` when no message of this direction starts with it.
    fn from_byte(byte: u8) -> Option<Self>;
    /// The type byte.
    fn byte(self) -> u8;
    /// The message's name in the protocol chapter.
    fn name(self) -> &'static str;
}

macro_rules! tags {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $byte:literal as $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $byte,)*
        }

        impl sealed::Sealed for $name {}

        impl Tag for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[inline]
            fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$variant),)*
                    _ => None,
                }
            }

            #[inline]
            fn byte(self) -> u8 {
                self as u8
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

tags!(
    /// Messages that a client sends after start-up.
    FrontendTag {
        /// Binds parameters to a prepared statement.
        Bind = b'B' as "Bind",
        /// Closes a prepared statement or portal.
        Close = b'C' as "Close",
        /// A piece of COPY data.
        CopyData = b'd' as "CopyData",
        /// The client's COPY data is complete.
        CopyDone = b'c' as "CopyDone",
        /// The client gives its COPY up.
        CopyFail = b'f' as "CopyFail",
        /// Asks for the description of a prepared statement or portal.
        Describe = b'D' as "Describe",
        /// Runs a portal.
        Execute = b'E' as "Execute",
        /// Asks for pending answers without ending the pipeline.
        Flush = b'H' as "Flush",
        /// Calls a function by oid, past the parser. Known only in order to be refused in protocol.
        FunctionCall = b'F' as "FunctionCall",
        /// Prepares a statement.
        Parse = b'P' as "Parse",
        /// PasswordMessage, SASLInitialResponse, SASLResponse or GSSResponse: the sign-in state tells which.
        Authentication = b'p' as "authentication response",
        /// Runs a text of one or more statements.
        Query = b'Q' as "Query",
        /// Ends a pipeline and its implicit transaction.
        Sync = b'S' as "Sync",
        /// The client leaves.
        Terminate = b'X' as "Terminate",
    }
);

tags!(
    /// Messages that a server sends.
    BackendTag {
        /// Asks for, or goes on with, or ends sign-in.
        Authentication = b'R' as "Authentication",
        /// Process id and cancel key.
        BackendKeyData = b'K' as "BackendKeyData",
        /// Bind has succeeded.
        BindComplete = b'2' as "BindComplete",
        /// Close has succeeded.
        CloseComplete = b'3' as "CloseComplete",
        /// A statement has ended well.
        CommandComplete = b'C' as "CommandComplete",
        /// A piece of COPY data.
        CopyData = b'd' as "CopyData",
        /// The server's COPY data is complete.
        CopyDone = b'c' as "CopyDone",
        /// The server waits for COPY data.
        CopyInResponse = b'G' as "CopyInResponse",
        /// The server will send COPY data.
        CopyOutResponse = b'H' as "CopyOutResponse",
        /// COPY data both ways; only replication uses it.
        CopyBothResponse = b'W' as "CopyBothResponse",
        /// One row.
        DataRow = b'D' as "DataRow",
        /// The text held no statement.
        EmptyQueryResponse = b'I' as "EmptyQueryResponse",
        /// A statement, or the connection, has failed.
        ErrorResponse = b'E' as "ErrorResponse",
        /// Result of FunctionCall.
        FunctionCallResponse = b'V' as "FunctionCallResponse",
        /// The server does not know the minor version or a protocol option asked for.
        NegotiateProtocolVersion = b'v' as "NegotiateProtocolVersion",
        /// The described statement returns no rows.
        NoData = b'n' as "NoData",
        /// A message to the user that is no error.
        NoticeResponse = b'N' as "NoticeResponse",
        /// NOTIFY of a channel that the client listens to.
        NotificationResponse = b'A' as "NotificationResponse",
        /// Types of a prepared statement's parameters.
        ParameterDescription = b't' as "ParameterDescription",
        /// A setting's value, at start-up and at each change.
        ParameterStatus = b'S' as "ParameterStatus",
        /// Parse has succeeded.
        ParseComplete = b'1' as "ParseComplete",
        /// Execute has reached its row limit.
        PortalSuspended = b's' as "PortalSuspended",
        /// The server waits for the next query cycle.
        ReadyForQuery = b'Z' as "ReadyForQuery",
        /// The columns of the rows to come.
        RowDescription = b'T' as "RowDescription",
    }
);
