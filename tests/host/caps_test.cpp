#include "host/caps.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "host/snapshot_json.hpp"
#include "tests/host/test_devices.hpp"

namespace tuff::host {
namespace {

using namespace test;

DeviceSnapshot matrix_device() {
    DeviceSnapshot device = lavapipe();
    device.subgroup = {32, 8, 64, 32};
    device.features.set(Feature::cooperative_matrix, true);
    device.features.set(Feature::cooperative_matrix2, true);
    device.matrix_shapes = {{16, 16, 16, "f16", "f16", "f32", "f32", "subgroup", false},
                            {16, 16, 32, "s8", "s8", "s32", "s32", "subgroup", false}};
    return device;
}

std::string refusal(const DeviceSnapshot& device, std::string_view json, ErrorCode code = ErrorCode::usage) {
    const Result<DeviceSnapshot> lowered = lower(device, json);
    if (lowered) return "(accepted)";
    EXPECT_EQ(lowered.error().code, code) << lowered.error().message;
    return lowered.error().message;
}

TEST(Caps, ASnapshotLowersItsOwnDeviceToItself) {
    for (const DeviceSnapshot& device : {matrix_device(), discrete_small_bar(), integrated_split_heaps()}) {
        const Result<DeviceSnapshot> same = lower(device, snapshot_to_json(device));
        ASSERT_TRUE(same) << same.error().message;
        EXPECT_EQ(*same, device);
    }
}

TEST(Caps, MakeACardOfADeviceThatSharesItsMemory) {
    const Result<DeviceSnapshot> card = lower(lavapipe(), R"({"simulated_card": {"memory_bytes": 1048576}})");
    ASSERT_TRUE(card) << card.error().message;
    EXPECT_FALSE(unified(*card));
    ASSERT_EQ(card->heaps.size(), 2U);
    EXPECT_EQ(card->heaps[0].budget_bytes, 1048576U);
    EXPECT_EQ(refusal(lavapipe(), R"({"simulated_card": {"bytes": 1}})"),
              "unknown field 'simulated_card.bytes' in the caps");
    EXPECT_NE(refusal(discrete_no_bar(), R"({"simulated_card": {"memory_bytes": 1048576}})"), "(accepted)");
}

TEST(Caps, DoNotDependOnTheOrderOfMembers) {
    const DeviceSnapshot device = matrix_device();
    const auto sorted = nlohmann::json::parse(snapshot_to_json(device));  // members by name
    const Result<DeviceSnapshot> same = lower(device, sorted.dump());
    ASSERT_TRUE(same) << same.error().message;
    EXPECT_EQ(*same, device);
}

TEST(Caps, LowersFeaturesLimitsAndHeaps) {
    const Result<DeviceSnapshot> lowered = lower(discrete_small_bar(), R"({
        "limits": {"shared_memory_bytes": 16384, "max_workgroup_size": [256, 256, 64]},
        "heaps": [{"budget_bytes": 1048576}, {}, {"bytes": 1000}]})");
    ASSERT_TRUE(lowered) << lowered.error().message;
    EXPECT_EQ(lowered->limits.shared_memory_bytes, 16384U);
    EXPECT_EQ(lowered->limits.max_workgroup_size, (std::array<std::uint32_t, 3>{256, 256, 64}));
    EXPECT_EQ(lowered->heaps[0].budget_bytes, kMiB);
    EXPECT_EQ(lowered->heaps[1], discrete_small_bar().heaps[1]);
    EXPECT_EQ(lowered->heaps[2].budget_bytes, 1000U);
    const Result<DeviceSnapshot> without =
        lower(lavapipe(), R"({"features": {"int8": false, "bfloat16": false}})");
    ASSERT_TRUE(without) << without.error().message;
    EXPECT_FALSE(without->has(Feature::int8));
    EXPECT_TRUE(without->has(Feature::int16));
}

TEST(Caps, NamesTheFieldAndBothValuesWhenSomethingIsRaised) {
    EXPECT_EQ(refusal(lavapipe(), R"({"features": {"bfloat16": true}})"),
              "'features.bfloat16' can only be lowered: the device has false, the caps ask for true");
    EXPECT_EQ(
        refusal(lavapipe(), R"({"limits": {"shared_memory_bytes": 65536}})"),
        "'limits.shared_memory_bytes' can only be lowered: the device has 32768, the caps ask for 65536");
    EXPECT_EQ(refusal(lavapipe(), R"({"limits": {"max_workgroup_size": [8, 8, 65]}})"),
              "'limits.max_workgroup_size[2]' can only be lowered: the device has 64, the caps ask for 65");
    EXPECT_EQ(
        refusal(lavapipe(), R"({"heaps": [{"bytes": 17179869185}]})"),
        "'heaps[0].bytes' can only be lowered: the device has 17179869184, the caps ask for 17179869185");
    EXPECT_EQ(refusal(lavapipe(), R"({"subgroup": {"min_size": 4}})"),
              "'subgroup.min_size' can only be raised: the device has 8, the caps ask for 4");
}

TEST(Caps, RefusesUnknownFieldsAndWhatDescribesTheDevice) {
    EXPECT_EQ(refusal(lavapipe(), R"({"speed": 1})"), "unknown field 'speed' in the caps");
    EXPECT_EQ(refusal(lavapipe(), R"({"features": {"int9": false}})"),
              "unknown field 'features.int9' in the caps");
    EXPECT_EQ(refusal(lavapipe(), R"({"limits": {"x": 1}})"), "unknown field 'limits.x' in the caps");
    EXPECT_EQ(refusal(lavapipe(), R"({"heaps": [{"x": 1}]})"), "unknown field 'heaps[0].x' in the caps");
    EXPECT_EQ(refusal(lavapipe(), R"({"name": "another"})"),
              R"('name' cannot be changed: the device has "llvmpipe", the caps ask for "another")");
    EXPECT_EQ(refusal(lavapipe(), R"({"limits": {"timestamp_period_ns": 0.5}})"),
              "'limits.timestamp_period_ns' cannot be changed: the device has 1.0, the caps ask for 0.5");
    EXPECT_EQ(refusal(lavapipe(), R"({"heaps": []})"),
              "'heaps' is not a list of 1 entries, one for each heap of the device");
    EXPECT_EQ(refusal(lavapipe(), R"({"features": {"int8": 0}})", ErrorCode::malformed),
              "'features.int8' is neither true nor false");
    EXPECT_EQ(refusal(lavapipe(), "{", ErrorCode::malformed), "not JSON, at byte 2");
    EXPECT_EQ(refusal(lavapipe(), "3", ErrorCode::malformed), "the caps are not an object");
}

TEST(Caps, AFeatureTakesThoseThatStandOnItAlong) {
    const Result<DeviceSnapshot> lowered =
        lower(matrix_device(), R"({"features": {"vulkan_memory_model": false}})");
    ASSERT_TRUE(lowered) << lowered.error().message;
    EXPECT_FALSE(lowered->has(Feature::cooperative_matrix));
    EXPECT_FALSE(lowered->has(Feature::cooperative_matrix2));
    EXPECT_TRUE(lowered->matrix_shapes.empty());
}

TEST(Caps, TheSubgroupSizeMovesOnlyWhereItCanBeRequired) {
    const Result<DeviceSnapshot> lowered =
        lower(matrix_device(), R"({"subgroup": {"size": 16, "min_size": 16, "max_size": 16}})");
    ASSERT_TRUE(lowered) << lowered.error().message;
    EXPECT_EQ(lowered->subgroup.size, 16U);
    EXPECT_EQ(refusal(matrix_device(),
                      R"({"subgroup": {"size": 16}, "features": {"subgroup_size_control": false}})"),
              "'subgroup.size' cannot be changed without subgroup_size_control: it is 32");
    EXPECT_EQ(refusal(matrix_device(), R"({"subgroup": {"size": 24}})"),
              "'subgroup.size' of 24 is not a power of two from 8 to 64");
    EXPECT_EQ(refusal(matrix_device(), R"({"subgroup": {"max_size": 16}})"),
              "'subgroup.size' of 32 is not a power of two from 8 to 16");
}

TEST(Caps, MatrixShapesCanOnlyBecomeFewer) {
    const Result<DeviceSnapshot> lowered = lower(matrix_device(), R"({"matrix_shapes": [{
        "m": 16, "n": 16, "k": 32, "a": "s8", "b": "s8", "c": "s32", "result": "s32", "scope": "subgroup",
        "saturating": false}]})");
    ASSERT_TRUE(lowered) << lowered.error().message;
    ASSERT_EQ(lowered->matrix_shapes.size(), 1U);
    EXPECT_EQ(lowered->matrix_shapes[0].a, "s8");
    EXPECT_EQ(refusal(matrix_device(), R"({"matrix_shapes": [{"m": 8}]})"),
              R"('matrix_shapes[0]' is not a shape of the device: {"m":8})");
}

TEST(Caps, AFileThatCannotBeReadIsNamed) {
    const Result<DeviceSnapshot> lowered = lower_from_file(lavapipe(), "no/such/caps.json");
    ASSERT_FALSE(lowered);
    EXPECT_EQ(lowered.error().code, ErrorCode::io);
    EXPECT_EQ(lowered.error().message, "no/such/caps.json: cannot be read");
}

}  // namespace
}  // namespace tuff::host
