//! Metrics that others count already, and that are looked up when they are asked for: they cost a request nothing.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// One metric with all its series as they are now.
#[derive(Debug, Clone, PartialEq)]
pub struct Scraped {
    /// Without the prefix, and without `_total` of a counter.
    pub name: &'static str,
    /// What it is, for people.
    pub help: &'static str,
    /// Labels and value of each series. Labels come from closed sets, as all of this crate's.
    pub series: Series,
}

/// Series of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Series {
    /// What only grows until it begins anew.
    Counter(Vec<(Labels, u64)>),
    /// What comes and goes.
    Gauge(Vec<(Labels, f64)>),
}

/// Names and values.
pub type Labels = Vec<(&'static str, String)>;

/// Hands them to the library when it writes.
#[derive(Debug)]
pub(super) struct Collected(pub(super) Vec<Scraped>);

// === impl Collected ===

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|scraped| scraped.write(&mut encoder))
    }
}

// === impl Scraped ===

impl Scraped {
    fn write(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match &self.series {
            Series::Counter(_) => MetricType::Counter,
            Series::Gauge(_) => MetricType::Gauge,
        };
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        match &self.series {
            // Without labels there is one series, and no braces.
            Series::Counter(series) if series.iter().all(|(labels, _)| labels.is_empty()) => {
                return series
                    .first()
                    .map_or(Ok(()), |(_, value)| ConstCounter::new(*value).encode(metric));
            }
            Series::Gauge(series) if series.iter().all(|(labels, _)| labels.is_empty()) => {
                return series
                    .first()
                    .map_or(Ok(()), |(_, value)| ConstGauge::new(*value).encode(metric));
            }
            Series::Counter(series) => {
                for (labels, value) in series {
                    ConstCounter::new(*value).encode(metric.encode_family(labels)?)?;
                }
            }
            Series::Gauge(series) => {
                if let [(labels, value)] = &series[..]
                    && labels.is_empty()
                {
                    return ConstGauge::new(*value).encode(metric);
                }
                for (labels, value) in series {
                    ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}
