// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/memory/vmid.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

namespace rvm::memory {

namespace {

/// Cores with TLBs: an entry is (VMID, whose translation it holds). A core may at any time fill its TLB from the translation
/// that is loaded in it, as hardware does speculatively.
class Machine {
 public:
  Machine(unsigned bits, unsigned cores, unsigned partitions) : cores_(cores), tags_(partitions) {
    vmids.init(bits, cores);
  }

  void run(std::uint32_t core, std::uint32_t partition) {
    VmidTag& tag = tags_[partition];
    if (vmids.is_current(tag)) {
      vmids.activate(tag, CoreIndex{core});
    } else {
      const VmidAllocator::Assignment assignment = vmids.assign(tag, CoreIndex{core});
      tag = assignment.tag;
      if (assignment.reclaimed) {
        ++reclaims;
        fill_all();  // the very last entries that the old state can leave behind
        for (Core& each : cores_) {
          each.tlb.clear();
        }
        fill_all();  // before the switch below
      }
    }
    REQUIRE(tag.vmid() != 0);
    cores_[core].loaded = {tag.vmid(), partition};
    fill(cores_[core]);
    // No partition may see another's translations, and one partition has one VMID on all cores.
    REQUIRE(cores_[core].tlb.at(tag.vmid()) == partition);
    for (const Core& each : cores_) {
      if (each.loaded.vmid != 0 && each.loaded.partition == partition) {
        REQUIRE(each.loaded.vmid == tag.vmid());
      }
    }
  }

  void idle(std::uint32_t core) {
    cores_[core].loaded = {};
    vmids.deactivate(CoreIndex{core});
  }

  /// The partition's slot is taken by a new one, which never ran.
  void replace(std::uint32_t partition) {
    for (std::uint32_t core = 0; core < cores_.size(); ++core) {
      if (cores_[core].loaded.vmid != 0 && cores_[core].loaded.partition == partition) {
        idle(core);
      }
    }
    // What destroying it invalidates: everything under the VMID it has.
    for (Core& core : cores_) {
      core.tlb.erase(tags_[partition].vmid());
    }
    tags_[partition] = VmidTag{};
  }

  VmidAllocator vmids;
  unsigned reclaims = 0;

 private:
  struct Loaded {
    std::uint16_t vmid = 0;
    std::uint32_t partition = 0;
  };
  struct Core {
    Loaded loaded;
    std::unordered_map<std::uint16_t, std::uint32_t> tlb;
  };

  static void fill(Core& core) {
    if (core.loaded.vmid != 0) {
      const auto [entry, fresh] = core.tlb.emplace(core.loaded.vmid, core.loaded.partition);
      REQUIRE(entry->second == core.loaded.partition);
    }
  }
  void fill_all() {
    for (Core& core : cores_) {
      fill(core);
    }
  }

  std::vector<Core> cores_;
  std::vector<VmidTag> tags_;
};

}  // namespace

TEST_CASE("vmid: two partitions never share a VMID in one generation, whatever the schedule") {
  for (const unsigned cores : {1u, 2u, 8u}) {
    const auto machine = std::make_unique<Machine>(8, cores, 1000);
    std::mt19937 random{cores};
    for (int step = 0; step < 200'000; ++step) {
      const std::uint32_t core = random() % cores;
      switch (random() % 64) {
        case 0:
          machine->idle(core);
          break;
        case 1:
          machine->replace(random() % 1000);
          break;
        default:
          // Phases with a small working set, so that partitions stay current and run on several cores at once.
          machine->run(core, random() % (step / 5000 % 2 == 0 ? 1000u : 12u));
      }
    }
    CHECK(machine->reclaims > 100);
  }
}

TEST_CASE("vmid: a partition that keeps running on one core keeps its VMID over many generations") {
  const auto machine = std::make_unique<Machine>(8, 2, 1000);
  machine->run(0, 999);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    machine->run(1, i % 998);
  }
  CHECK(machine->reclaims >= 19);
  machine->run(1, 999);  // now on both cores: checked in run()
  machine->run(0, 999);
}

TEST_CASE("vmid: renewed by one core and reclaimed again, a partition still has one VMID on the core it never left") {
  const auto machine = std::make_unique<Machine>(8, 3, 1000);
  machine->run(0, 999);  // and stays there
  for (std::uint32_t round = 0; round < 4; ++round) {
    const unsigned before = machine->reclaims;
    for (std::uint32_t i = 0; machine->reclaims == before; ++i) {
      machine->run(1, i % 998);
    }
    machine->run(1, 999);  // renews the tag, then goes
    machine->run(1, round);
  }
  const unsigned before = machine->reclaims;
  for (std::uint32_t i = 0; machine->reclaims == before; ++i) {
    machine->run(1, i % 998);
  }
  machine->run(2, 999);  // checked against core 0 in run()
}

TEST_CASE("vmid: no generation ends as long as the partitions fit") {
  const auto eight = std::make_unique<Machine>(8, 8, 1000);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    eight->run(i % 8, i * 7 % 255);
  }
  CHECK(eight->reclaims == 0);
  eight->run(0, 999);
  CHECK(eight->reclaims == 1);
  const auto sixteen = std::make_unique<Machine>(16, 8, 1000);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    sixteen->run(i % 8, i % 1000);
  }
  CHECK(sixteen->reclaims == 0);
}

TEST_CASE("vmid: a zero tag is never current, and VMID 0 is never given") {
  const auto vmids = std::make_unique<VmidAllocator>();
  vmids->init(16, 1);
  CHECK(!vmids->is_current(VmidTag{}));
  std::vector<bool> seen(65536);
  seen[0] = true;
  for (std::uint32_t i = 1; i < 65536; ++i) {
    const VmidAllocator::Assignment assignment = vmids->assign(VmidTag{}, CoreIndex{0});
    REQUIRE(!assignment.reclaimed);
    REQUIRE(!seen[assignment.tag.vmid()]);
    seen[assignment.tag.vmid()] = true;
  }
  CHECK(vmids->assign(VmidTag{}, CoreIndex{0}).reclaimed);
  CHECK(vmids->generation() == 2);
}

}  // namespace rvm::memory
