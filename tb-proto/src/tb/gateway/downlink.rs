use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::ops::Range;

use bytes::Bytes;
use serde_json::Value;

use crate::tb::json::scan::{BadJson, Kind, Scanner};
use crate::tb::json::unescaped;
use crate::tb::rpc::RpcRequestBody;
use crate::tb::{AttributeUpdate, UnexpectedPayload};

/// What the server says about one child: whom, and where the rest stands in the text.
#[derive(Debug)]
pub(crate) struct ChildDownlink<'a> {
    payload: &'a Bytes,
    text: &'a str,
    pub(crate) device: Cow<'a, str>,
    id: Option<i32>,
    data: Option<Range<usize>>,
    value: Option<Range<usize>>,
    values: Option<Range<usize>>,
    /// Why a child was disconnected.
    pub(crate) reason: Option<u8>,
}

/// A call to a child.
#[derive(Debug)]
pub(crate) struct ChildCall {
    pub(crate) request_id: i32,
    /// Number, method and parameters.
    pub(crate) data: Bytes,
    pub(crate) body: RpcRequestBody,
}

/// The answer to an attribute request for a child.
#[derive(Debug)]
pub(crate) struct ChildResponse {
    pub(crate) request: i32,
    pub(crate) value: Option<Value>,
    pub(crate) values: BTreeMap<String, Value>,
}

impl<'a> ChildDownlink<'a> {
    /// Finds the members without building anything of their values.
    pub(crate) fn read(payload: &'a Bytes) -> Result<Self, UnexpectedPayload> {
        let text = core::str::from_utf8(payload)
            .map_err(|_| UnexpectedPayload::new("a message for a child is not UTF-8"))?;
        Self::members(payload, text)
            .ok()
            .flatten()
            .ok_or_else(|| UnexpectedPayload::new("a message for a child names no device"))
    }

    fn members(payload: &'a Bytes, text: &'a str) -> Result<Option<Self>, BadJson> {
        let mut scanner = Scanner::new(text);
        let (mut first, mut device, mut id) = (true, None, None);
        let (mut data, mut value, mut values, mut reason) = (None, None, None, None);
        scanner.enter(b'{')?;
        while let Some(key) = scanner.member(first)? {
            first = false;
            let member = scanner.value()?;
            let is_number = member.kind == Kind::Number;
            match unescaped(scanner.slice(&key)).as_deref() {
                Some("device") if member.kind == Kind::Text => {
                    device = unescaped(scanner.slice(&member.range));
                }
                Some("id") if is_number => id = scanner.slice(&member.range).parse().ok(),
                Some("reason") if is_number => reason = scanner.slice(&member.range).parse().ok(),
                Some("data") => data = Some(member.range),
                Some("value") => value = Some(member.range),
                Some("values") => values = Some(member.range),
                _ => {}
            }
        }
        scanner.end()?;
        Ok(device.map(|device| Self {
            payload,
            text,
            device,
            id,
            data,
            value,
            values,
            reason,
        }))
    }

    /// Shared attributes of the child changed.
    pub(crate) fn update(&self) -> Result<AttributeUpdate, UnexpectedPayload> {
        AttributeUpdate::parse(&self.data()?)
    }

    /// The server calls the child.
    pub(crate) fn call(&self) -> Result<ChildCall, UnexpectedPayload> {
        let data = self.data()?;
        let request_id = call_id(core::str::from_utf8(&data).unwrap_or_default())
            .ok()
            .flatten()
            .ok_or_else(|| UnexpectedPayload::new("a call to a child has no number"))?;
        let body = RpcRequestBody::parse(&data)?;
        Ok(ChildCall {
            request_id,
            data,
            body,
        })
    }

    /// The number of a call that has one, whatever else is wrong with it.
    pub(crate) fn call_id(&self) -> Option<i32> {
        let data = self.data().ok()?;
        call_id(core::str::from_utf8(&data).ok()?).ok().flatten()
    }

    /// The server answers an attribute request for the child.
    pub(crate) fn response(&self) -> Result<ChildResponse, UnexpectedPayload> {
        let request = self
            .id
            .ok_or_else(|| UnexpectedPayload::new("an answer for a child has no number"))?;
        let text = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        let value = self.value.as_ref().map(|at| serde_json::from_str(text(at)));
        let values = self
            .values
            .as_ref()
            .map(|at| serde_json::from_str(text(at)));
        Ok(ChildResponse {
            request,
            value: value.transpose()?,
            values: values.transpose()?.unwrap_or_default(),
        })
    }

    fn data(&self) -> Result<Bytes, UnexpectedPayload> {
        let range = self
            .data
            .clone()
            .ok_or_else(|| UnexpectedPayload::new("a message for a child has no data"))?;
        Ok(self.payload.slice(range))
    }
}

fn call_id(text: &str) -> Result<Option<i32>, BadJson> {
    let mut scanner = Scanner::new(text);
    let (mut first, mut id) = (true, None);
    scanner.enter(b'{')?;
    while let Some(key) = scanner.member(first)? {
        first = false;
        let value = scanner.value()?;
        if value.kind == Kind::Number
            && unescaped(scanner.slice(&key)).is_some_and(|key| key == "id")
        {
            id = scanner.slice(&value.range).parse().ok();
        }
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    use alloc::string::ToString;

    fn read(text: &'static str) -> Result<(String, Bytes), UnexpectedPayload> {
        let payload = Bytes::from_static(text.as_bytes());
        let read = ChildDownlink::read(&payload)?;
        let device = read.device.to_string();
        Ok((device, payload))
    }

    #[test]
    fn an_update_a_call_and_an_answer_are_read() {
        let update = Bytes::from_static(br#"{"device":"m \u0031","data":{"interval":60}}"#);
        let update = ChildDownlink::read(&update).unwrap();
        assert_eq!(update.device, "m 1");
        assert!(update.update().unwrap().updated.contains_key("interval"));

        let call = Bytes::from_static(
            br#"{"device":"m","data":{"id":4,"method":"reset","params":{"hard":false}}}"#,
        );
        let call = ChildDownlink::read(&call).unwrap().call().unwrap();
        assert_eq!((call.request_id, &*call.body.method), (4, "reset"));

        let answer = Bytes::from_static(br#"{"id":12,"device":"m","value":30}"#);
        let answer = ChildDownlink::read(&answer).unwrap().response().unwrap();
        assert_eq!((answer.request, answer.value), (12, Some(30.into())));
    }

    #[test]
    fn what_names_no_device_is_refused() {
        for text in ["", "[]", "{}", r#"{"device":7}"#, r#"{"device":"m"}x"#] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read(r#"{"device":"m"}"#).unwrap().0, "m");
    }
}
