//! Limits of block devices.

use super::{Version, Write, not_here, write};
use crate::error::Result;
use crate::oci::resources::{BlockIo, ThrottleDevice};

pub(super) fn writes(io: &BlockIo, version: Version, list: &mut Vec<Write>) -> Result<()> {
    let by_leaf = io.weight_device.iter().any(|device| device.leaf_weight.is_some_and(|weight| weight != 0));
    if by_leaf || io.leaf_weight.is_some_and(|weight| weight != 0) {
        return Err(not_here(
            "linux.resources.blockIO.leafWeight",
            "the scheduler that had it is gone from Linux",
        ));
    }
    let (controller, file) = match version {
        Version::One => ("blkio", "blkio.bfq.weight"),
        Version::Two => ("io", "io.bfq.weight"),
    };
    let field = "linux.resources.blockIO.weight";
    list.extend(io.weight.filter(|weight| *weight != 0).map(|weight| write(controller, file, weight, field)));
    for device in &io.weight_device {
        if let Some(weight) = device.weight.filter(|weight| *weight != 0) {
            let value = format!("{}:{} {weight}", device.major, device.minor);
            list.push(write(controller, file, value, "linux.resources.blockIO.weightDevice"));
        }
    }
    let limits: [(&[ThrottleDevice], &str, &str, &str); 4] = [
        (&io.throttle_read_bps_device, "read_bps", "rbps", "linux.resources.blockIO.throttleReadBpsDevice"),
        (
            &io.throttle_write_bps_device,
            "write_bps",
            "wbps",
            "linux.resources.blockIO.throttleWriteBpsDevice",
        ),
        (
            &io.throttle_read_iops_device,
            "read_iops",
            "riops",
            "linux.resources.blockIO.throttleReadIOPSDevice",
        ),
        (
            &io.throttle_write_iops_device,
            "write_iops",
            "wiops",
            "linux.resources.blockIO.throttleWriteIOPSDevice",
        ),
    ];
    for (devices, one, two, field) in limits {
        list.extend(devices.iter().map(|ThrottleDevice { major, minor, rate }| match version {
            Version::One => write(
                "blkio",
                format!("blkio.throttle.{one}_device"),
                format!("{major}:{minor} {rate}"),
                field,
            ),
            Version::Two => write("io", "io.max", format!("{major}:{minor} {two}={rate}"), field),
        }));
    }
    Ok(())
}
