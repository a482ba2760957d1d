//! Latency of what children send, reported as telemetry of their gateway (C-141).

use std::collections::BTreeMap;

use crate::sim::agenda::Job;
use crate::sim::backend::DeviceId;
use crate::sim::json::{Json, quote, to_long};
use crate::sim::simulator::Simulator;
use crate::sim::stored::TypedValue;
use crate::sim::time::Time;

const KEY: &str = "gatewayMetrics";

/// What one element says about its way from the thing to the gateway's socket.
#[derive(Clone, Debug)]
pub(super) struct Passage {
    connector: String,
    received_ms: i64,
    published_ms: i64,
}

/// An element has `metadata`, but not all of its members.
pub(super) struct Incomplete;

/// The latencies of a gateway's connectors since the last report.
pub(in crate::sim) type Latencies = BTreeMap<String, Latency>;

/// The latencies of one connector, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct Latency {
    gateway: Figures,
    transport: Figures,
}

#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    count: i64,
    sum: i64,
    least: i64,
    most: i64,
}

impl Passage {
    /// The passages of an array of telemetry elements. Only elements with a time have one.
    pub(super) fn read_all(elements: &Json) -> Result<Vec<Self>, Incomplete> {
        let Json::Array(elements) = elements else {
            return Ok(Vec::new());
        };
        elements
            .iter()
            .filter(|element| element.member("ts").is_some() && element.member("values").is_some())
            .filter_map(|element| element.member("metadata"))
            .map(Self::read)
            .collect()
    }

    fn read(metadata: &Json) -> Result<Self, Incomplete> {
        let time = |name| match metadata.member(name) {
            Some(Json::Number(text)) => to_long(text).ok_or(Incomplete),
            Some(Json::String(text)) => text.parse().map_err(|_| Incomplete),
            _ => Err(Incomplete),
        };
        Ok(Self {
            connector: metadata
                .member("connector")
                .and_then(Json::as_text)
                .ok_or(Incomplete)?,
            received_ms: time("receivedTs")?,
            published_ms: time("publishedTs")?,
        })
    }
}

impl Figures {
    fn add(&mut self, latency: i64) {
        if self.count == 0 {
            (self.least, self.most) = (latency, latency);
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(latency);
        self.least = self.least.min(latency);
        self.most = self.most.max(latency);
    }

    fn average(self) -> i64 {
        self.sum / self.count.max(1)
    }
}

impl Latency {
    fn to_text(self) -> String {
        let (gateway, transport) = (self.gateway, self.transport);
        format!(
            "{{\"avgGwLatency\":{},\"minGwLatency\":{},\"maxGwLatency\":{},\
             \"avgTransportLatency\":{},\"minTransportLatency\":{},\"maxTransportLatency\":{}}}",
            gateway.average(),
            gateway.least,
            gateway.most,
            transport.average(),
            transport.least,
            transport.most,
        )
    }
}

impl Simulator {
    pub(super) fn note_passages(&mut self, gateway: DeviceId, passages: &[Passage]) {
        if passages.is_empty() {
            return;
        }
        let arrived_ms = self.unix_ms();
        let latencies = &mut self.backend.device_mut(gateway).latencies;
        let first = latencies.is_empty();
        for passage in passages {
            let latency = latencies.entry(passage.connector.clone()).or_default();
            let on_gateway = passage.published_ms.saturating_sub(passage.received_ms);
            latency.gateway.add(on_gateway);
            let on_transport = arrived_ms.saturating_sub(passage.published_ms);
            latency.transport.add(on_transport);
        }
        if first {
            let period = self.setup.server.gateway_metrics_period_s.max(1);
            let period_us = period.saturating_mul(1_000_000);
            let reports = (self.now.0 / period_us).saturating_add(1);
            let at = Time(reports.saturating_mul(period_us));
            self.agenda.schedule(at, Job::GatewayMetrics(gateway));
        }
    }

    pub(in crate::sim) fn report_latencies(&mut self, gateway: DeviceId) {
        let latencies = core::mem::take(&mut self.backend.device_mut(gateway).latencies);
        if self.backend.device(gateway).deleted {
            return;
        }
        let mut text = String::from("{");
        for (position, (connector, latency)) in latencies.into_iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            quote(&mut text, &connector);
            text.push(':');
            text.push_str(&latency.to_text());
        }
        text.push('}');
        let points = vec![(None, vec![(KEY.to_owned(), TypedValue::Json(text))])];
        self.store_telemetry(gateway, points, None);
    }
}
