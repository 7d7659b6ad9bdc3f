// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/query.hpp"

#include <doctest/doctest.h>

#include "test_files.hpp"

using namespace rvm;
using namespace rvm::witness;
using namespace rvm::witness::test;

TEST_CASE("query: records of a volume and of its export are the same, in order, and a visit can stop") {
  const auto volume = sample_volume(volume_bytes_min);
  TemporaryFile volume_file, raw_file;
  volume_file.replace(volume);
  raw_file.replace(export_raw(volume));
  for (const TemporaryFile* file : {&volume_file, &raw_file}) {
    std::uint64_t next = 0;
    const auto visited =
        for_each_record(LogFile::open(file->path()).value(),
                        [&next](const Record& record, std::uint64_t) { return record.sequence == next++; });
    CHECK(visited == sample_records);
    CHECK(for_each_record(LogFile::open(file->path()).value(),
                          [](const Record& r, std::uint64_t) { return r.sequence < 4; }) == 5);
  }
}

TEST_CASE("query: each condition of the filter") {
  TemporaryFile file;
  file.replace(sample_volume(volume_bytes_min, false));
  const auto count = [&file](const RecordFilter& filter) {
    std::uint64_t n = 0;
    const auto log = LogFile::open(file.path()).value();
    const auto visited = for_each_record(log, [&](const Record& record, std::uint64_t) {
      n += filter.matches(record);
      return true;
    });
    REQUIRE(visited);
    return n;
  };
  CHECK(count({}) == sample_records - 1);
  CHECK(count({.kind = Kind::tree_head}) == 1);
  CHECK(count({.kind = Kind::gpu_sync}) == 0);
  CHECK(count({.partition = PartitionId{0}}) == 1);
  CHECK(count({.partition = PartitionId{3}}) == 3);  // records 2, 7 and 17 (12 is the TreeHead)
  CHECK(count({.object = 21}) == 1);
  CHECK(count({.capability = 0x1234}) == sample_records - 2);
  CHECK(count({.first_sequence = 5, .last_sequence = 8}) == 4);
  CHECK(count({.first_time = Nanoseconds{1003}, .last_time = Nanoseconds{1004}}) == 2);
}

TEST_CASE("log file: errors are sentences with the path") {
  CHECK(LogFile::open("/nonexistent/log").error() == "/nonexistent/log: No such file or directory");
  CHECK(LogFile::open(std::filesystem::temp_directory_path()).error().find("is a folder") != std::string::npos);
  TemporaryFile file;
  file.replace(std::vector<std::byte>(volume_bytes_min));
  CHECK(LogFile::open(file.path()).value().first_nonzero(0, 1 << 20) == volume_bytes_min);
}
