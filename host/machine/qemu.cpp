// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/machine/qemu.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "host/common/paths.hpp"

namespace rvm::host {

std::string escape_option(const std::string& value) {
  std::string out;
  for (const char c : value) {
    out.append(c == ',' ? 2 : 1, c);
  }
  return out;
}

namespace {

/// Transports are numbered by ascending address: 0x0a000000 and every 0x200 from there. Without a number QEMU takes the
/// highest that is free, and the kernel could not tell the devices from each other.
std::string bus(unsigned transport) { return fmt::format("bus=virtio-mmio-bus.{}", transport); }

void add_device(std::vector<std::string>& out, const MachineDevice& device, unsigned transport) {
  const std::string id = fmt::format("device{}", transport);
  switch (device.kind) {
    case RVM_DEVICE_BLOCK:
      out.insert(out.end(), {"-drive",
                             fmt::format("if=none,id={},format=raw,werror=report,rerror=report,file={}", id,
                                         escape_option(device.file)),
                             "-device", fmt::format("virtio-blk-device,drive={},{}", id, bus(transport))});
      break;
    case RVM_DEVICE_CONSOLE:
      // With one port it has two queues, as rvm/abi.h promises, and no control queues.
      out.insert(out.end(),
                 {"-chardev",
                  device.socket ? fmt::format("socket,id={},path={},server=on,wait=off", id, escape_option(device.file))
                                : fmt::format("file,id={},path={}", id, escape_option(device.file)),
                  "-device", fmt::format("virtio-serial-device,id=serial{},max_ports=1,{}", transport, bus(transport)),
                  "-device", fmt::format("virtconsole,chardev={},bus=serial{}.0", id, transport)});
      break;
    case RVM_DEVICE_ENTROPY:
      out.insert(out.end(), {"-device", "virtio-rng-device," + bus(transport)});
      break;
    case RVM_DEVICE_CLOCK:
    case RVM_DEVICE_GPIO:
      break;  // every machine of this type has one
  }
}

}  // namespace

Outcome<std::filesystem::path> find_qemu() {
  const char* const chosen = std::getenv("RVM_QEMU");  // NOLINT(concurrency-mt-unsafe): the program has one thread here
  const std::string name = chosen == nullptr ? "qemu-system-aarch64" : chosen;
  if (auto found = find_program(name)) {
    return *found;
  }
  return failure(ExitCode::environment, fmt::format("cannot find {}, which emulates the machine", name),
                 chosen == nullptr ? "install it: apt-get install qemu-system-arm (or run `make bootstrap`)"
                                   : "correct RVM_QEMU or unset it");
}

std::vector<std::string> qemu_arguments(const MachineParts& parts) {
  const MachineSettings& s = parts.settings;
  std::vector<std::string> out{
      "-M",
      fmt::format("virt,virtualization=on,gic-version={}", s.gic),
      "-cpu",
      s.cpu,
      "-smp",
      fmt::format("{}", s.cpus),
      "-m",
      fmt::format("{}K", s.memory >> 10),
      "-kernel",
      parts.kernel.string(),
      "-initrd",
      parts.package,
      "-fw_cfg",
      "name=opt/rvm/device-key,file=" + escape_option(parts.device_key),
      "-global",
      "virtio-mmio.force-legacy=false",
      // A failed write is reported to the guest, which stops taking records, instead of pausing the machine.
      "-drive",
      fmt::format("if=none,id=log,format=raw,werror=report,rerror=report,{}file={}",
                  parts.temporary_disk ? "cache=unsafe," : "", escape_option(parts.disk)),
      "-device",
      "virtio-blk-device,drive=log," + bus(0),
      "-nic",
      "none",
      "-display",
      "none",
      "-serial",
      "stdio",
      "-monitor",
      "none",
      "-no-reboot",
  };
  for (unsigned i = 0; i < parts.devices.size(); ++i) {
    add_device(out, parts.devices[i], i + 1);
  }
  if (!parts.nonce.empty()) {
    out.insert(out.end(), {"-fw_cfg", "name=opt/rvm/nonce,file=" + escape_option(parts.nonce)});
  }
  if (s.icount) {
    // The machine's clock counts instructions as well, or a second of it would be a second of the host.
    out.insert(out.end(), {"-icount", "shift=0,sleep=off", "-rtc", "clock=vm"});
  }
  if (parts.gdb) {
    out.insert(out.end(), {"-S", "-s"});
  }
  return out;
}

}  // namespace rvm::host
