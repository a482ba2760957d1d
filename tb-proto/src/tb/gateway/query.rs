use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::tb::json::write_text;
use crate::tb::{AttributeMap, AttributeValues};

/// The attributes of one scope of a child that the server is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChildQuery {
    pub(crate) client: bool,
    /// Each once, and at least one.
    pub(crate) keys: Vec<String>,
}

impl ChildQuery {
    /// What the request says behind number and name (C-132, C-133).
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut out = if self.client {
            b",\"client\":true,\"keys\":[".to_vec()
        } else {
            b",\"client\":false,\"keys\":[".to_vec()
        };
        for (place, key) in self.keys.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            write_text(&mut out, key);
        }
        out.extend_from_slice(b"]}");
        out
    }

    /// The answer: `values` with names, or one `value` whose name only the question knows; nothing
    /// where nothing was found (TB §9.6).
    pub(crate) fn values(
        self,
        value: Option<Value>,
        values: BTreeMap<String, Value>,
    ) -> AttributeValues {
        let mut found = values;
        if let (Some(value), [key]) = (value, self.keys.as_slice()) {
            found.insert(key.clone(), value);
        }
        let found = AttributeMap::from(found);
        if self.client {
            AttributeValues {
                client: found,
                ..AttributeValues::default()
            }
        } else {
            AttributeValues {
                shared: found,
                ..AttributeValues::default()
            }
        }
    }
}
