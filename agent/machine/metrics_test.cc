#include "agent/machine/metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using agent::Metrics;
using ::testing::HasSubstr;

constexpr absl::StatusCode kBad = absl::StatusCode::kInvalidArgument;

TEST(MetricsTest, ReadsTheTimesOfAllProcessors) {
  Metrics metrics;
  ASSERT_THAT(ParseStat("cpu  100 20 30 400 50 6 7 8 9 10\n"
                        "cpu0 50 10 15 200 25 3 3 4 0 0\n"
                        "cpu1 50 10 15 200 25 3 4 4 0 0\n"
                        "intr 1 2 3\nctxt 5\nbtime 1\nprocesses 77\n",
                        100, metrics),
              IsOk());
  EXPECT_EQ(metrics.cpus(), 2u);
  EXPECT_EQ(metrics.cpu_user_ms(), 1200u);   // with nice
  EXPECT_EQ(metrics.cpu_system_ms(), 430u);  // with interrupts
  EXPECT_EQ(metrics.cpu_idle_ms(), 4500u);   // with waiting for disks
}

TEST(MetricsTest, ReadsMemory) {
  Metrics metrics;
  ASSERT_THAT(ParseMemory("MemTotal:        250000 kB\nMemFree:         200000 kB\n"
                          "MemAvailable:    210000 kB\nBuffers:              12 kB\n"
                          "Cached:            9000 kB\nSwapCached:            0 kB\n",
                          metrics),
              IsOk());
  EXPECT_EQ(metrics.memory_total_bytes(), 250'000u << 10);
  EXPECT_EQ(metrics.memory_free_bytes(), 200'000u << 10);
  EXPECT_EQ(metrics.memory_available_bytes(), 210'000u << 10);
  EXPECT_EQ(metrics.memory_cached_bytes(), 9000u << 10);
}

TEST(MetricsTest, ReadsLoadInThousandths) {
  Metrics metrics;
  ASSERT_THAT(ParseLoad("0.05 1.50 12.00 1/80 1234\n", metrics), IsOk());
  EXPECT_EQ(metrics.load_1_millis(), 50u);
  EXPECT_EQ(metrics.load_5_millis(), 1500u);
  EXPECT_EQ(metrics.load_15_millis(), 12000u);
  ASSERT_THAT(ParseUptime("12.34 20.00\n", metrics), IsOk());
  EXPECT_EQ(metrics.uptime_ms(), 12340u);
}

TEST(MetricsTest, CountsTheBytesOfAllInterfacesButLoopback) {
  Metrics metrics;
  ASSERT_THAT(
      ParseNetworkDevices("Inter-|   Receive                            |  Transmit\n"
                          " face |bytes packets errs drop fifo frame compressed multicast|bytes\n"
                          "    lo:  999 1 0 0 0 0 0 0  999 1 0 0 0 0 0 0\n"
                          "  eth0:  100 1 0 0 0 0 0 0  200 1 0 0 0 0 0 0\n"
                          "  eth1:11 1 0 0 0 0 0 0  22 1 0 0 0 0 0 0\n",
                          metrics),
      IsOk());
  EXPECT_EQ(metrics.network_received_bytes(), 111u);
  EXPECT_EQ(metrics.network_sent_bytes(), 222u);
}

TEST(MetricsTest, WhatIsMissingIsAnError) {
  Metrics metrics;
  EXPECT_THAT(ParseStat("", 100, metrics), StatusIs(kBad, HasSubstr("/proc/stat")));
  EXPECT_THAT(ParseStat("cpu 1 2 3\ncpu0 1\n", 100, metrics), StatusIs(kBad, HasSubstr("times")));
  EXPECT_THAT(ParseStat("cpu 1 2 3 4 5 6 7 x\n", 100, metrics),
              StatusIs(kBad, HasSubstr("number")));
  EXPECT_THAT(ParseMemory("MemTotal: 1 kB\n", metrics), StatusIs(kBad, HasSubstr("/proc/meminfo")));
  EXPECT_THAT(ParseLoad("0.05 x 1\n", metrics), StatusIs(kBad, HasSubstr("/proc/loadavg")));
  EXPECT_THAT(ParseUptime("-1", metrics), StatusIs(kBad, HasSubstr("/proc/uptime")));
  EXPECT_THAT(ParseNetworkDevices("eth0: 1 2\n", metrics), StatusIs(kBad, HasSubstr("net/dev")));
  EXPECT_THAT(ParseOwnMemory("12\n", 4096, metrics), StatusIs(kBad, HasSubstr("statm")));
}

TEST(MetricsTest, ThisMachineIsRead) {
  const auto metrics = ReadMetrics({.workspace = "/nowhere"});
  ASSERT_THAT(metrics, IsOk());
  EXPECT_EQ(metrics->cpus(), static_cast<uint32_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_GT(metrics->memory_total_bytes(), metrics->memory_free_bytes());
  EXPECT_GE(metrics->processes(), 1u);
  EXPECT_GT(metrics->disk_total_bytes(), 0u);
  EXPECT_EQ(metrics->workspace_total_bytes(), 0u);
  EXPECT_GT(metrics->agent_resident_bytes(), 0u);
}

}  // namespace
}  // namespace voidbox
