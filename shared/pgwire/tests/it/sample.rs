//! One of each message, built by hand, and how to frame a body.

/// A frame around `body`.
pub fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &len.to_be_bytes()[..], body].concat()
}

/// Every message that a client may send after start-up.
pub fn frontend() -> Vec<Vec<u8>> {
    let bodies: [(u8, &[u8]); 16] = [
        (b'B', b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02\0*\xff\xff\xff\xff\0\x01\0\0"),
        (b'B', b"\0\0\0\0\0\0\0\0"),
        (b'C', b"Pp\0"),
        (b'd', b"1\t2\n"),
        (b'd', b""),
        (b'c', b""),
        (b'f', b"why\0"),
        (b'D', b"Ss\0"),
        (b'E', b"p\0\0\0\0\x05"),
        (b'H', b""),
        (b'F', b"\0\0\0\x01\0\0\0\0\0\0"),
        (b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17"),
        (b'p', b"secret\0"),
        (b'Q', b"SELECT '\xe2\x82\xac'\0"),
        (b'S', b""),
        (b'X', b""),
    ];
    bodies.iter().map(|(tag, body)| framed(*tag, body)).collect()
}

/// Every message that a server may send after start-up.
pub fn backend() -> Vec<Vec<u8>> {
    let bodies: [(u8, &[u8]); 30] = [
        (b'R', b"\0\0\0\0"),
        (b'R', b"\0\0\0\x05salt"),
        (b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"),
        (b'R', b"\0\0\0\x0br=x"),
        (b'K', b"\0\0\0\x07secret key"),
        (b'2', b""),
        (b'3', b""),
        (b'C', b"SELECT 1\0"),
        (b'd', b"1\t2\n"),
        (b'c', b""),
        (b'G', b"\0\0\x01\0\0"),
        (b'H', b"\x01\0\x01\0\x01"),
        (b'W', b"\0\0\0"),
        (b'D', b"\0\x02\0\0\0\x03abc\xff\xff\xff\xff"),
        (b'D', b"\0\x02\xff\xff\xff\xff\0\0\0\0"),
        (b'D', b"\0\0"),
        (b'I', b""),
        (b'E', b"SERROR\0VERROR\0C42501\0Mno\0\0"),
        (b'V', b"\0\0\0\x01x"),
        (b'v', b"\0\x03\0\x02\0\0\0\x01_pq_.x\0"),
        (b'n', b""),
        (b'N', b"SNOTICE\0VNOTICE\0C00000\0Mhi\0\0"),
        (b'A', b"\0\0\0\x07channel\0payload\0"),
        (b't', b"\0\x01\0\0\0\x17"),
        (b'S', b"TimeZone\0UTC\0"),
        (b'1', b""),
        (b's', b""),
        (b'Z', b"T"),
        (b'T', b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0"),
        (b'T', b"\0\0"),
    ];
    bodies.iter().map(|(tag, body)| framed(*tag, body)).collect()
}
