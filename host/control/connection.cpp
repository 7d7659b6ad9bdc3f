// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "rvm/types/error.hpp"

namespace rvm::host {

namespace {

using Clock = std::chrono::steady_clock;
using control::FrameKind;

constexpr std::chrono::seconds turn_patience{5};
constexpr std::chrono::seconds patience{10};

Outcome<Descriptor> take_turn(const RunningMachine& machine) {
  Descriptor turn(::open((machine.folder / "turn").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!turn) {
    return failure(ExitCode::environment, fmt::format("cannot use {}: {}", machine.folder.string(), system_error()),
                   "the machine is another user's, or has just ended");
  }
  const auto deadline = Clock::now() + turn_patience;
  while (::flock(turn.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || Clock::now() > deadline) {
      return failure(ExitCode::environment, fmt::format("another command is talking to '{}'", machine.name),
                     "try again when it is done");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return turn;
}

Outcome<Descriptor> connect_to(const RunningMachine& machine) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = (machine.folder / "socket").string();
  if (path.size() >= sizeof address.sun_path) {
    return failure(ExitCode::environment, fmt::format("the path {} is too long for a socket", path));
  }
  path.copy(address.sun_path, path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Sound: that is how the interface takes addresses of all families.
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failure(ExitCode::environment, fmt::format("cannot reach '{}': {}", machine.name, system_error()),
                   "it may have just ended: rvm ps --machines");
  }
  return socket;
}

std::string refusal_text(control::Refusal refusal) {
  switch (refusal) {
    case control::Refusal::malformed:
      return "it does not understand what was sent";
    case control::Refusal::version:
      return "it speaks another version of the protocol";
    case control::Refusal::authentication:
      return "it does not accept the key";
    case control::Refusal::sequence:
      return "the request came out of its order";
  }
  return "it gives a reason that is not known";
}

}  // namespace

std::string status_text(std::uint32_t status) {
  if (status == control::status_itself) {
    return "the control partition does not act upon itself";
  }
  if (status == control::status_unknown) {
    return "its control agent does not know this operation";
  }
  if (status == control::status_members) {
    return "the partition has other agents than the request says";
  }
  if (status == control::status_static) {
    return "the boundary of the partition is static";
  }
  return status < RVM_ERROR_COUNT ? std::string(describe(static_cast<Error>(status)).text)
                                  : fmt::format("error {}", status);
}

Connection::Connection(std::string name, Descriptor turn, Descriptor socket, const Key& key)
    : name_(std::move(name)), turn_(std::move(turn)), socket_(std::move(socket)), initiator_(key.bytes) {}

Outcome<Connection> Connection::open_unauthenticated(const RunningMachine& machine) {
  auto turn = take_turn(machine);
  if (!turn) {
    return std::unexpected(turn.error());
  }
  auto socket = connect_to(machine);
  if (!socket) {
    return std::unexpected(socket.error());
  }
  return Connection(machine.name, std::move(*turn), std::move(*socket), Key{});
}

Outcome<Connection> Connection::open(const RunningMachine& machine) {
  const auto contents = read_file(machine.folder / "key", "control key", 32);
  if (!contents) {
    return std::unexpected(contents.error());
  }
  Key key;
  if (contents->size() != key.bytes.size()) {
    return failure(ExitCode::environment, fmt::format("{} is not a key", (machine.folder / "key").string()));
  }
  std::ranges::copy(*contents, key.bytes.begin());
  auto out = open_unauthenticated(machine);
  if (out) {
    out->initiator_ = control::Initiator(key.bytes);
    if (auto begun = out->begin(); !begun) {
      return std::unexpected(begun.error());
    }
  }
  return out;
}

Outcome<void> Connection::begin() {
  control::Nonce nonce;
  ::randombytes_buf(nonce.data(), nonce.size());
  if (auto sent = write(initiator_.hello(nonce, output_)); !sent) {
    return sent;
  }
  const auto deadline = Clock::now() + patience;
  // What an earlier command left unread comes first.
  for (;;) {
    const auto frame = next_frame(deadline);
    if (!frame) {
      return std::unexpected(frame.error());
    }
    const auto challenge = initiator_.accept_challenge(*frame);
    if (challenge == control::Initiator::Challenge::accepted) {
      return {};
    }
    if (challenge == control::Initiator::Challenge::foreign) {
      return failure(ExitCode::failed, fmt::format("'{}' does not have the key that its folder holds", name_),
                     "somebody else answers, or the key file was changed: end the machine");
    }
  }
}

Outcome<void> Connection::write(std::size_t bytes) {
  std::span<const std::byte> rest = std::span(output_).first(bytes);
  while (!rest.empty()) {
    const ssize_t written = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return failure(ExitCode::environment, fmt::format("cannot write to '{}': {}", name_, system_error()),
                     "it may have just ended: rvm ps --machines");
    }
    rest = rest.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Outcome<control::Frame> Connection::next_frame(Clock::time_point deadline) {
  for (;;) {
    for (std::size_t i = 0; i < input_.size(); ++i) {
      if (!reader_.take(input_[i])) {
        continue;
      }
      input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      if (const auto parsed = control::parse_frame(reader_.frame()); parsed.frame) {
        return *parsed.frame;
      }
      i = static_cast<std::size_t>(-1);
    }
    input_.clear();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd polled{socket_.get(), POLLIN, 0};
    const int ready = left.count() > 0 ? ::poll(&polled, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) {
      continue;  // a screen that changed its size; who is to end for a signal ends elsewhere
    }
    if (ready <= 0) {
      return failure(ExitCode::failed, fmt::format("'{}' does not answer", name_),
                     "its control agent may have been stopped, or another program holds its socket");
    }
    input_.resize(control::encoded_limit);
    const ssize_t got = ::read(socket_.get(), input_.data(), input_.size());
    if (got <= 0) {
      ended_ = true;
      return failure(ExitCode::environment, fmt::format("'{}' has ended", name_));
    }
    input_.resize(static_cast<std::size_t>(got));
  }
}

Outcome<ControlResponse> Connection::request(const control::Request& request) {
  if (auto sent = write(initiator_.request(request, output_)); !sent) {
    return std::unexpected(sent.error());
  }
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const auto frame = next_frame(deadline);
    if (!frame) {
      return std::unexpected(frame.error());
    }
    if (frame->header.kind == FrameKind::refused && frame->payload.size() == sizeof(control::Refusal)) {
      control::Refusal refusal{};
      std::memcpy(&refusal, frame->payload.data(), sizeof refusal);
      return failure(ExitCode::failed, fmt::format("'{}' refuses: {}", name_, refusal_text(refusal)),
                     "use the rvm program and the appliance of the same tree, and nothing else on its socket");
    }
    if (const auto head = initiator_.accept_response(*frame)) {
      const auto data = frame->payload.subspan(sizeof *head);
      return ControlResponse{*head, Bytes(data.begin(), data.end())};
    }
  }
}

Outcome<control::HealthReport> Connection::health() {
  if (auto sent = write(control::write_untagged(FrameKind::health_request, {}, output_)); !sent) {
    return std::unexpected(sent.error());
  }
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const auto frame = next_frame(deadline);
    if (!frame) {
      return std::unexpected(frame.error());
    }
    control::HealthReport report;
    if (frame->header.kind == FrameKind::health && frame->payload.size() == sizeof report) {
      std::memcpy(&report, frame->payload.data(), sizeof report);
      return report;
    }
  }
}

template <typename T>
Outcome<std::vector<T>> Connection::read_all(rvm_read what) {
  std::vector<T> all;
  control::Request request{.operation = control::Operation::read, .arguments = {what}};
  do {
    auto response = this->request(request);
    if (!response) {
      return std::unexpected(response.error());
    }
    const control::ResponseHead& head = response->head;
    const bool forward = head.next == 0 || head.next > request.arguments[1];
    if (head.status != RVM_ERROR_OK || response->data.size() != head.entries * sizeof(T) || !forward) {
      return failure(ExitCode::failed,
                     fmt::format("'{}' does not show what it does: {}", name_, status_text(head.status)),
                     "build the rvm program and the appliance from the same tree: make build");
    }
    const std::size_t before = all.size();
    all.resize(before + head.entries);
    if (head.entries != 0) {
      std::memcpy(all.data() + before, response->data.data(), response->data.size());
    }
    request.arguments[1] = head.next;
  } while (request.arguments[1] != 0);
  return all;
}

Outcome<Snapshot> Connection::snapshot() {
  auto machine = read_all<rvm_machine_status>(RVM_READ_MACHINE);
  auto partitions = machine ? read_all<rvm_partition_status>(RVM_READ_PARTITIONS) : std::unexpected(machine.error());
  auto agents = partitions ? read_all<rvm_agent_status>(RVM_READ_AGENTS) : std::unexpected(partitions.error());
  auto edges = agents ? read_all<rvm_edge_status>(RVM_READ_EDGES) : std::unexpected(agents.error());
  if (!edges) {
    return std::unexpected(edges.error());
  }
  if (machine->size() != 1) {
    return failure(ExitCode::failed, fmt::format("'{}' says nothing of itself", name_));
  }
  Snapshot out{machine->front(), std::move(*partitions), std::move(*agents), std::move(*edges)};
  for (rvm_partition_status& p : out.partitions) {
    p.name[RVM_NAME_BYTES - 1] = '\0';
  }
  for (rvm_agent_status& a : out.agents) {
    a.name[RVM_NAME_BYTES - 1] = '\0';
  }
  return out;
}

Outcome<RecordsSince> Connection::records(std::uint64_t first, std::span<const witness::Kind> kinds) {
  control::Request request{.operation = control::Operation::records, .arguments = {first}};
  for (const witness::Kind kind : kinds) {
    const auto value = static_cast<unsigned>(kind);
    request.arguments[1 + value / 64] |= std::uint64_t{1} << (value % 64);
  }
  RecordsSince out;
  for (;;) {
    auto response = this->request(request);
    if (!response) {
      return std::unexpected(response.error());
    }
    const control::ResponseHead& head = response->head;
    if (head.status != RVM_ERROR_OK || response->data.size() != head.entries * sizeof(witness::Record)) {
      return failure(ExitCode::failed, fmt::format("'{}' does not show its log: {}", name_, status_text(head.status)));
    }
    const std::size_t before = out.records.size();
    out.records.resize(before + head.entries);
    if (head.entries != 0) {
      std::memcpy(out.records.data() + before, response->data.data(), response->data.size());
    }
    out.next = head.next;
    if (head.next >= head.values[0] || head.next <= request.arguments[0]) {
      return out;
    }
    request.arguments[0] = head.next;
  }
}

}  // namespace rvm::host
