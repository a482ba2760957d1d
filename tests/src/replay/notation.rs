//! The readable notation for packets: text stands for itself, other bytes in hexadecimal digits
//! between `<` and `>`, `{{name}}` for a volatile place.

use super::template::{PlaceholderLengths, Template, TemplateError, hexadecimal};

/// Reads one packet.
pub(crate) fn parse(text: &str, lengths: &PlaceholderLengths) -> Result<Template, TemplateError> {
    let mut template = Template::default();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '{']) {
        let (plain, special) = rest.split_at(at);
        template.push(plain.as_bytes());
        if let Some(inside) = special.strip_prefix('<') {
            let (runs, after) = inside
                .split_once('>')
                .ok_or_else(|| TemplateError::Unterminated(text.to_owned()))?;
            for run in runs.split(' ') {
                push_run(&mut template, run)?;
            }
            rest = after;
        } else if let Some((name, after)) = placeholder(special) {
            template.push_placeholder(name, lengths)?;
            rest = after;
        } else {
            let (brace, after) = special.split_at(1);
            template.push(brace.as_bytes());
            rest = after;
        }
    }
    template.push(rest.as_bytes());
    Ok(template)
}

/// `{{name}}` at the start, and what follows. JSON may hold `{{` too: a name is lower case.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix("{{")?.split_once("}}")?;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_lowercase());
    is_name.then_some((name, after))
}

/// Digits, or `first+step*count`: `count` bytes, each `step` more than the one before.
fn push_run(template: &mut Template, run: &str) -> Result<(), TemplateError> {
    let Some((first, step_and_count)) = run.split_once('+') else {
        template.push(&hexadecimal(run)?);
        return Ok(());
    };
    let wrong = || TemplateError::NotARun(run.to_owned());
    let (step, count) = step_and_count.split_once('*').ok_or_else(wrong)?;
    let mut byte = u8::from_str_radix(first, 16).map_err(|_| wrong())?;
    let step = u8::from_str_radix(step, 16).map_err(|_| wrong())?;
    let count: u32 = count.parse().map_err(|_| wrong())?;
    for _ in 0..count {
        template.push(&[byte]);
        byte = byte.wrapping_add(step);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        parse(text, &PlaceholderLengths::new())
            .unwrap()
            .bytes()
            .to_vec()
    }

    #[test]
    fn text_stands_for_itself_and_digits_for_bytes() {
        assert_eq!(bytes("<30040001>a{}"), b"\x30\x04\x00\x01a{}");
        assert_eq!(bytes("<c000>"), [0xc0, 0]);
        assert_eq!(bytes("ä€"), "ä€".as_bytes());
    }

    #[test]
    fn braces_of_json_are_no_placeholders() {
        assert_eq!(bytes("{\"a\":{\"b\":{}}}"), b"{\"a\":{\"b\":{}}}");
        assert_eq!(bytes("{{\"a\":1}}"), b"{{\"a\":1}}");
    }

    #[test]
    fn runs_repeat_or_count_up_and_wrap() {
        assert_eq!(bytes("a<78+00*3>b"), b"axxxb");
        assert_eq!(bytes("<00 fe+01*3 07>"), [0, 0xfe, 0xff, 0, 7]);
    }

    #[test]
    fn placeholders_keep_their_length() {
        let template = parse("<22>{{t}}<22>", &[("t".to_owned(), 5)].into()).unwrap();
        assert_eq!(template.bytes().len(), 7);
    }

    #[test]
    fn broken_notation_is_refused() {
        let none = PlaceholderLengths::new();
        assert!(matches!(
            parse("<c0", &none),
            Err(TemplateError::Unterminated(_))
        ));
        assert!(matches!(
            parse("<00+01>", &none),
            Err(TemplateError::NotARun(_))
        ));
        assert!(matches!(
            parse("<c>", &none),
            Err(TemplateError::NotHexadecimal(_))
        ));
    }
}
