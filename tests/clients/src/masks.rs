//! What the gateway changes in an answer: a table of plain values and their images. Nothing here looks for patterns:
//! what is not in the table must come through as it is.

/// The demo's sensitive values, each with its image; longer ones before those that they contain.
const TABLE: [(&str, &str); 26] = [
    // Scripts write `number` before a card number of a numeric type: it stays a number, and one
    // that is no card number itself.
    ("number 4111111111111111", "number 4111110000001111"),
    ("number 5555555555554444", "number 5555550000004444"),
    ("number 378282246310005", "number 378282000000005"),
    ("number 6011111111111117", "number 6011110000001117"),
    ("number 3530111333300000", "number 3530111000000000"),
    ("number 2223003122003222", "number 2223000000003222"),
    // Card numbers, found wherever they stand: the first six and the last four stay.
    ("4111111111111111", "411111******1111"),
    ("5555555555554444", "555555******4444"),
    ("378282246310005", "378282*****0005"),
    ("6011111111111117", "601111******1117"),
    ("3530111333300000", "353011******0000"),
    ("2223003122003222", "222300******3222"),
    ("4012888888881881", "401288******1881"),
    ("5105-1051-0510-5100", "5105-10**-****-5100"),
    // cards.cvv and cards.expiry, whole columns.
    ("7373", "****"),
    ("737", "***"),
    ("829", "***"),
    ("604", "***"),
    ("518", "***"),
    ("946", "***"),
    ("03/30", "*****"),
    ("11/28", "*****"),
    ("07/29", "*****"),
    ("01/31", "*****"),
    ("09/27", "*****"),
    ("05/29", "*****"),
];

/// `transcript` as it should come through the gateway.
#[must_use]
pub fn applied(transcript: &str) -> String {
    TABLE.iter().fold(transcript.to_owned(), |text, (plain, image)| text.replace(plain, image))
}

/// `transcript` without the notice by which a session is told once what masks mean.
#[must_use]
pub fn untold(transcript: &str) -> String {
    let mut lines = transcript.split_inclusive('\n').peekable();
    let mut text = String::with_capacity(transcript.len());
    while let Some(line) = lines.next() {
        if line.contains("NOTICE:  classified columns are masked here") {
            lines.next_if(|hint| hint.starts_with("HINT:"));
        } else {
            text.push_str(line);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_as_long_as_what_they_hide_and_hide_it() {
        for (plain, image) in TABLE {
            assert_eq!(plain.len(), image.len(), "{plain}");
            assert!(!applied(plain).contains(plain), "{plain}");
            assert_eq!(applied(plain), image, "another entry of the table takes part of {plain}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_stays() {
        let text = "8800112233445566|1234567812345670|03/31";
        assert_eq!(applied(text), text);
    }
}
