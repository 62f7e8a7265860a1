#include "host/snapshot_json.hpp"

#include <gtest/gtest.h>

#include "tests/host/test_devices.hpp"

namespace tuff::host {
namespace {

using namespace test;

DeviceSnapshot with_everything() {
    DeviceSnapshot device = discrete_small_bar();
    device.driver_info = "Mesa 26.1.6 (LLVM 19.1.7)";
    device.driver_version = 4026531840U;
    device.vendor_id = 0x10de;
    device.device_id = 0x2330;
    for (std::size_t i = 0; i < 16; ++i) device.device_uuid[i] = static_cast<std::uint8_t>(i * 17);
    device.limits.timestamp_period_ns = 0.1;
    device.limits.min_imported_host_pointer_alignment = 4096;
    device.memory_types.push_back({0, true, true, true, true, true});
    device.matrix_shapes = {{16, 16, 16, "f16", "f16", "f32", "f32", "subgroup", false},
                            {16, 8, 32, "s8", "s8", "s32", "s32", "subgroup", true}};
    return device;
}

std::string message_of(std::string_view text) {
    const Result<DeviceSnapshot> read = snapshot_from_json(text);
    if (read) return "(read without error)";
    EXPECT_EQ(read.error().code, ErrorCode::malformed);
    return read.error().message;
}

TEST(SnapshotJson, ReadsBackWhatItWrote) {
    const DeviceSnapshot device = with_everything();
    const Result<DeviceSnapshot> read = snapshot_from_json(snapshot_to_json(device));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, device);
}

TEST(SnapshotJson, LeavesOutFieldsAtTheirDefaults) {
    const Result<DeviceSnapshot> read =
        snapshot_from_json(R"({"name": "x", "api_version": "1.3.0", "features": {"int8": true}})");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->name, "x");
    EXPECT_EQ(version_text(read->api_version), "1.3.0");
    EXPECT_TRUE(read->has(Feature::int8));
    EXPECT_FALSE(read->has(Feature::int16));
    EXPECT_TRUE(read->heaps.empty());
}

TEST(SnapshotJson, NamesTheFieldItDoesNotKnowOrCannotRead) {
    EXPECT_EQ(message_of(R"({"limits": {"nonsense": 1}})"), "unknown field 'limits.nonsense'");
    EXPECT_EQ(message_of(R"({"features": {"int9": true}})"), "unknown field 'features.int9'");
    EXPECT_EQ(message_of(R"({"heaps": [{"bytes": 1}, {"bytes": -1}]})"),
              "'heaps[1].bytes' is not a whole number from 0 to 18446744073709551615");
    EXPECT_EQ(message_of(R"({"subgroup": {"size": 4294967296}})"),
              "'subgroup.size' is not a whole number from 0 to 4294967295");
    EXPECT_EQ(message_of(R"({"limits": {"max_workgroup_size": [1, 2]}})"),
              "'limits.max_workgroup_size' is not a list of 3 numbers");
    EXPECT_EQ(message_of(R"({"type": "toaster"})"), "'type' names no device type: 'toaster'");
    EXPECT_EQ(message_of(R"({"api_version": "1.3"})"),
              "'api_version' is not a version like \"1.3.0\": '1.3'");
    EXPECT_EQ(message_of(R"({"device_uuid": "12"})"), "'device_uuid' is not 32 hexadecimal digits");
    EXPECT_EQ(message_of(R"({"name": 5})"), "'name' is not text");
    EXPECT_EQ(message_of("[]"), "'' is not an object");
    EXPECT_EQ(message_of(R"({"name": )"), "not JSON, at byte 10");
    EXPECT_EQ(message_of(""), "not JSON, at byte 1");
}

TEST(SnapshotJson, SurvivesADriverNameThatIsNotUtf8) {
    DeviceSnapshot device = lavapipe();
    device.name = "caf\xE9";
    const Result<DeviceSnapshot> read = snapshot_from_json(snapshot_to_json(device));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->name, "caf?");
}

}  // namespace
}  // namespace tuff::host
