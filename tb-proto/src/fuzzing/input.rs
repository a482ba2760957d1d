//! Values out of the bytes of a fuzzer. Where they run out everything is zero, so that every prefix
//! of an input is an input.

pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    /// The next bytes, as many as the byte before them says.
    pub(super) fn field(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (field, rest) = self.0.split_at(len);
        self.0 = rest;
        field
    }

    /// The next field as text; what is no UTF-8 is empty.
    pub(super) fn text(&mut self) -> &'a str {
        core::str::from_utf8(self.field()).unwrap_or_default()
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}
