// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Descriptors and the read-only tree. Descriptor 3 is its root; whatever else is opened is reached from a descriptor with the
// right for it, and never leaves the tree: an absolute path or a ".." above the root is refused as not capable.
#include <algorithm>
#include <array>

#include "wasi.hpp"
#include "wasi_layout.hpp"

namespace rvm::wasm {

namespace {

constexpr std::uint32_t vectors_max = 1024;  // IOV_MAX
constexpr std::uint32_t path_max = 4096;     // PATH_MAX
constexpr std::string_view root_name = "/";

/// Goes through a list of buffers. `use(span)` returns false to stop. Everything is checked before anything is used.
template <typename Use>
Errno each_vector(const HostCall& c, std::uint32_t list, std::uint32_t count, Use&& use) {
  if (count > vectors_max) return Errno::inval;
  for (const bool check : {true, false}) {
    for (std::uint32_t i = 0; i < count; ++i) {
      Vector v;
      if (!c.load(list + i * static_cast<std::uint32_t>(sizeof v), v) || !c.reaches(v.buffer, v.bytes)) {
        return Errno::fault;
      }
      if (!check && v.bytes != 0 && !use(c.memory(v.buffer, v.bytes))) return Errno::success;
    }
  }
  return Errno::success;
}

/// Inode 1 is the root, the files follow in the order of the bundle.
std::uint64_t inode_of(std::uint32_t file) { return file == Bundle::root ? 1 : std::uint64_t{file} + 2; }

}  // namespace

Wasi::Descriptor* Wasi::descriptor(std::uint32_t fd) {
  if (fd >= descriptors_.size() || descriptors_[fd].kind == Kind::closed) return nullptr;
  return &descriptors_[fd];
}

Errno Wasi::open_with(std::uint32_t fd, std::uint64_t rights, Descriptor*& found) {
  found = descriptor(fd);
  if (found == nullptr) return Errno::badf;
  return (found->rights & rights) == rights ? Errno::success : Errno::notcapable;
}

// --- descriptors ---------------------------------------------------------------------------------------------------------

Errno Wasi::fd_close(const HostCall& c) {
  Descriptor* const d = descriptor(c.u32(0));
  if (d == nullptr) return Errno::badf;
  *d = {};
  return Errno::success;
}

Errno Wasi::fd_renumber(const HostCall& c) {
  Descriptor* const from = descriptor(c.u32(0));
  Descriptor* const to = descriptor(c.u32(1));
  if (from == nullptr || to == nullptr) return Errno::badf;
  if (from == to) return Errno::success;
  *to = *from;
  *from = {};
  return Errno::success;
}

Errno Wasi::fd_fdstat_get(const HostCall& c) {
  const Descriptor* const d = descriptor(c.u32(0));
  if (d == nullptr) return Errno::badf;
  FdStat stat{.flags = d->flags, .rights = d->rights, .inheriting = d->inheriting};
  stat.type = d->kind != Kind::file ? file_type::character_device
              : is_directory(*d)    ? file_type::directory
                                    : file_type::regular_file;
  return c.store(c.u32(1), stat) ? Errno::success : Errno::fault;
}

Errno Wasi::fd_fdstat_set_flags(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::fd_fdstat_set_flags, d); e != Errno::success) return e;
  if (c.u32(1) > 0x1f) return Errno::inval;
  d->flags = static_cast<std::uint16_t>(c.u32(1));
  return Errno::success;
}

/// Rights can be given up, never gained.
Errno Wasi::fd_fdstat_set_rights(const HostCall& c) {
  Descriptor* const d = descriptor(c.u32(0));
  if (d == nullptr) return Errno::badf;
  if ((c.u64(1) & ~d->rights) != 0 || (c.u64(2) & ~d->inheriting) != 0) return Errno::notcapable;
  d->rights = c.u64(1);
  d->inheriting = c.u64(2);
  return Errno::success;
}

Errno Wasi::fd_prestat_get(const HostCall& c) {
  const Descriptor* const d = descriptor(c.u32(0));
  if (d == nullptr || d->kind != Kind::file || d->file != Bundle::root || c.u32(0) != 3) return Errno::badf;
  return c.store(c.u32(1), PreStat{.name_bytes = root_name.size()}) ? Errno::success : Errno::fault;
}

Errno Wasi::fd_prestat_dir_name(const HostCall& c) {
  const Descriptor* const d = descriptor(c.u32(0));
  if (d == nullptr || d->kind != Kind::file || d->file != Bundle::root || c.u32(0) != 3) return Errno::badf;
  if (c.u32(2) < root_name.size()) return Errno::nametoolong;
  return c.store(c.u32(1), root_name[0]) ? Errno::success : Errno::fault;
}

Errno Wasi::fd_sync(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::fd_sync, d); e != Errno::success) return e;
  if (d->kind == Kind::output && !frozen_) console_.flush();
  return Errno::success;
}

/// Sizes, times, space: no file here can be changed.
Errno Wasi::fd_change(const HostCall& c) { return descriptor(c.u32(0)) == nullptr ? Errno::badf : Errno::rofs; }

Errno Wasi::fd_advise(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::fd_advise, d); e != Errno::success) return e;
  return c.u32(3) <= 5 ? Errno::success : Errno::inval;
}

// --- writing and reading ---------------------------------------------------------------------------------------------------

Errno Wasi::fd_write(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::fd_write, d); e != Errno::success) return e;
  std::uint64_t written = 0;
  bool full = false;
  const Errno e = each_vector(c, c.u32(1), c.u32(2), [&](std::span<std::byte> bytes) {
    full = written + bytes.size() > UINT32_MAX ||
           !console_.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});  // char may alias
    written += full ? 0 : bytes.size();
    return !full;
  });
  if (e != Errno::success) return e;
  if (full && written == 0) return Errno::nospc;
  return c.store(c.u32(3), static_cast<std::uint32_t>(written)) ? Errno::success : Errno::fault;
}

Errno Wasi::fd_pwrite(const HostCall& c) {
  const Descriptor* const d = descriptor(c.u32(0));
  if (d == nullptr) return Errno::badf;
  return d->kind == Kind::file ? Errno::notcapable : Errno::spipe;
}

Errno Wasi::read_at(const HostCall& c, const Descriptor& d, std::uint64_t offset, std::uint32_t result,
                    std::uint64_t& taken) const {
  taken = 0;
  std::span<const std::byte> rest;
  if (d.kind == Kind::file) {
    if (is_directory(d)) return Errno::isdir;
    const auto contents = bundle_.contents(d.file);
    rest = contents.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(offset, contents.size())));
  }  // else standard input, which is empty
  const Errno e = each_vector(c, c.u32(1), c.u32(2), [&](std::span<std::byte> to) {
    const std::size_t bytes = std::min(to.size(), rest.size());
    std::ranges::copy(rest.first(bytes), to.begin());
    rest = rest.subspan(bytes);
    taken += bytes;
    return !rest.empty();
  });
  if (e != Errno::success) return e;
  return c.store(result, static_cast<std::uint32_t>(taken)) ? Errno::success : Errno::fault;
}

Errno Wasi::fd_read(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::fd_read, d); e != Errno::success) return e;
  std::uint64_t taken = 0;
  const Errno e = read_at(c, *d, d->offset, c.u32(3), taken);
  if (e == Errno::success) d->offset += taken;
  return e;
}

Errno Wasi::fd_pread(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::fd_read | right::fd_seek, d); e != Errno::success) {
    return d != nullptr && d->kind != Kind::file ? Errno::spipe : e;
  }
  std::uint64_t taken = 0;
  return read_at(c, *d, c.u64(3), c.u32(4), taken);
}

Errno Wasi::fd_seek(const HostCall& c) {
  Descriptor* d = nullptr;
  const Errno allowed = open_with(c.u32(0), right::fd_seek, d);
  if (d != nullptr && d->kind != Kind::file) return Errno::spipe;
  if (allowed != Errno::success) return allowed;
  std::uint64_t base = 0;
  switch (c.u32(2)) {
    case 0:
      break;
    case 1:
      base = d->offset;
      break;
    case 2:
      base = bundle_.contents(d->file).size();
      break;
    default:
      return Errno::inval;
  }
  // Both are below 2^63, so the sum tells an overflow by its sign.
  const std::uint64_t target = base + c.u64(1);
  if (static_cast<std::int64_t>(target) < 0) return Errno::inval;
  if (!c.store(c.u32(3), target)) return Errno::fault;
  d->offset = target;
  return Errno::success;
}

Errno Wasi::fd_tell(const HostCall& c) {
  Descriptor* d = nullptr;
  const Errno allowed = open_with(c.u32(0), right::fd_tell, d);
  if (d != nullptr && d->kind != Kind::file) return Errno::spipe;
  if (allowed != Errno::success) return allowed;
  return c.store(c.u32(1), d->offset) ? Errno::success : Errno::fault;
}

// --- the tree ------------------------------------------------------------------------------------------------------------

Errno Wasi::resolve(const HostCall& c, const Descriptor& directory, std::uint32_t path, std::uint32_t bytes,
                    std::uint32_t& file) const {
  if (!c.reaches(path, bytes)) return Errno::fault;
  if (bytes > path_max) return Errno::nametoolong;
  std::string_view rest = c.text(path, bytes);
  if (rest.empty()) return Errno::noent;
  if (rest.contains('\0')) return Errno::inval;
  if (rest.starts_with('/')) return Errno::notcapable;
  std::array<char, 1024> walked{};
  std::size_t length = bundle_.path(directory.file).copy(walked.data(), walked.size());
  file = directory.file;
  while (!rest.empty()) {
    if (!bundle_.is_directory(file)) return Errno::notdir;
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view component = rest.substr(0, end);
    rest.remove_prefix(std::min(rest.size(), end + 1));
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (length == 0) return Errno::notcapable;
      const std::size_t cut = std::string_view{walked.data(), length}.rfind('/');
      length = cut == std::string_view::npos ? 0 : cut;
    } else {
      if (component.size() + 1 > walked.size() - length) return Errno::nametoolong;
      if (length != 0) walked[length++] = '/';
      length += component.copy(walked.data() + length, component.size());
    }
    const auto found = bundle_.find({walked.data(), length});
    if (!found) return Errno::noent;
    file = *found;
  }
  if (c.text(path, bytes).ends_with('/') && !bundle_.is_directory(file)) return Errno::notdir;
  return Errno::success;
}

Errno Wasi::path_open(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::path_open, d); e != Errno::success) return e;
  if (!is_directory(*d)) return Errno::notdir;
  const std::uint32_t flags = c.u32(4);
  const std::uint64_t rights = c.u64(5);
  const std::uint64_t inheriting = c.u64(6);
  if ((flags & (open_flag::create | open_flag::truncate | open_flag::exclusive)) != 0) return Errno::rofs;
  if (((rights | inheriting) & ~d->inheriting) != 0) return Errno::notcapable;
  std::uint32_t file = 0;
  if (const Errno e = resolve(c, *d, c.u32(2), c.u32(3), file); e != Errno::success) return e;
  const bool directory = bundle_.is_directory(file);
  if ((flags & open_flag::directory) != 0 && !directory) return Errno::notdir;
  const auto free = std::ranges::find(descriptors_, Kind::closed, &Descriptor::kind);
  if (free == descriptors_.end()) return Errno::mfile;
  if (!c.store(c.u32(8), static_cast<std::uint32_t>(free - descriptors_.begin()))) return Errno::fault;
  *free = {.kind = Kind::file,
           .flags = static_cast<std::uint16_t>(c.u32(7)),
           .file = file,
           .rights = rights & (directory ? right::directory : right::file),
           .inheriting = directory ? inheriting : 0};
  return Errno::success;
}

Errno Wasi::store_filestat(const HostCall& c, std::uint32_t at, const Descriptor& d) const {
  FileStat stat{.links = 1};
  if (d.kind != Kind::file) {
    stat.type = file_type::character_device;
  } else {
    stat.device = 1;
    stat.inode = inode_of(d.file);
    stat.type = is_directory(d) ? file_type::directory : file_type::regular_file;
    stat.size = bundle_.contents(d.file).size();
    // Measured and read-only: it has been as it is since the boot, and before.
    for (std::uint64_t& time : stat.times) time = identity_.boot_time;
  }
  return c.store(at, stat) ? Errno::success : Errno::fault;
}

Errno Wasi::fd_filestat_get(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::fd_filestat_get, d); e != Errno::success) return e;
  return store_filestat(c, c.u32(1), *d);
}

Errno Wasi::path_filestat_get(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::path_filestat_get, d); e != Errno::success) return e;
  if (!is_directory(*d)) return Errno::notdir;
  std::uint32_t file = 0;
  if (const Errno e = resolve(c, *d, c.u32(2), c.u32(3), file); e != Errno::success) return e;
  return store_filestat(c, c.u32(4), {.kind = Kind::file, .file = file});
}

/// There are no symbolic links: a path that exists is not one.
Errno Wasi::path_readlink(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::path_readlink, d); e != Errno::success) return e;
  if (!is_directory(*d)) return Errno::notdir;
  std::uint32_t file = 0;
  const Errno e = resolve(c, *d, c.u32(1), c.u32(2), file);
  return e == Errno::success ? Errno::inval : e;
}

/// Entries are cut off where the buffer ends, even in their middle, as the interface has it. Cookie 0 is ".", 1 is "..", and
/// n + 2 the entry after the bundle's file n - 1.
Errno Wasi::fd_readdir(const HostCall& c) {
  Descriptor* d = nullptr;
  if (const Errno e = open_with(c.u32(0), right::fd_readdir, d); e != Errno::success) return e;
  if (!is_directory(*d)) return Errno::notdir;
  const std::uint32_t size = c.u32(2);
  if (!c.reaches(c.u32(1), size)) return Errno::fault;
  const std::span<std::byte> out = c.memory(c.u32(1), size);
  std::size_t used = 0;
  const auto put = [&](std::span<const std::byte> bytes) {
    const std::size_t taken = std::min(bytes.size(), out.size() - used);
    std::ranges::copy(bytes.first(taken), out.begin() + static_cast<std::ptrdiff_t>(used));
    used += taken;
  };
  const auto add = [&](std::uint64_t next, std::uint32_t file, std::string_view name) {
    const DirectoryEntry entry{.next = next,
                               .inode = inode_of(file),
                               .name_bytes = static_cast<std::uint32_t>(name.size()),
                               .type = bundle_.is_directory(file) ? file_type::directory : file_type::regular_file};
    put(std::as_bytes(std::span{&entry, 1}));
    put(std::as_bytes(std::span{name}));
  };
  const std::string_view base = bundle_.path(d->file);
  const std::size_t cut = base.rfind('/');
  const auto parent = bundle_.find(cut == std::string_view::npos ? std::string_view{} : base.substr(0, cut));
  const std::uint64_t cookie = c.u64(3);
  if (cookie < 1) add(1, d->file, ".");
  if (cookie < 2 && used < size) add(2, parent.value_or(Bundle::root), "..");
  const std::uint64_t first = cookie < 2 ? 0 : cookie - 2;
  for (std::uint64_t i = first; i < bundle_.file_count() && used < size; ++i) {
    const auto file = static_cast<std::uint32_t>(i);
    std::string_view name = bundle_.path(file);
    if (!base.empty()) {
      if (!name.starts_with(base) || name.size() == base.size() || name[base.size()] != '/') continue;
      name.remove_prefix(base.size() + 1);
    }
    if (!name.contains('/')) add(i + 3, file, name);
  }
  return c.store(c.u32(4), static_cast<std::uint32_t>(used)) ? Errno::success : Errno::fault;
}

}  // namespace rvm::wasm
