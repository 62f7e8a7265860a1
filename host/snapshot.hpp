// What one device can do, as plain data. It is read once (host/probe.cpp), may be lowered (host/caps.hpp),
// and every later decision is a pure function of it, so decisions are tested without a driver.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tuff::host {

enum class DeviceType { discrete, integrated, virtual_, cpu, other };

// Everything a plan or a kernel may ask for by name. The first group is the floor: a device without one of
// those is not used at all. All the others only choose faster variants.
enum class Feature : std::uint8_t {
    // the floor
    buffer_device_address,
    timeline_semaphore,
    synchronization2,
    maintenance4,
    scalar_block_layout,
    // types in memory and in registers
    storage8,   // 8-bit loads and stores through buffer addresses
    storage16,  // 16-bit loads and stores through buffer addresses
    int8,
    int16,
    int64,
    float16,
    float64,
    bfloat16,
    // how floats behave
    denorm_preserve_f16,
    denorm_preserve_f32,
    inf_nan_preserve_f32,
    round_to_even_f16,
    round_to_even_f32,
    atomic_float_add,  // 32-bit float atomic add in buffers
    // products
    integer_dot,
    integer_dot_accelerated,  // packed 4x8-bit, both signed
    cooperative_matrix,
    cooperative_matrix2,            // NV: flexible sizes, reductions, conversions, functions on each element
    cooperative_matrix2_tensors,    // NV: loads through tensor layouts, and loads that decode blocks
    cooperative_matrix2_workgroup,  // NV: one matrix spread over a workgroup
    // subgroups
    subgroup_vote,
    subgroup_arithmetic,
    subgroup_ballot,
    subgroup_shuffle,
    subgroup_shuffle_relative,
    subgroup_clustered,
    subgroup_quad,
    subgroup_extended_types,  // subgroup operations on 8-bit, 16-bit and float16
    subgroup_size_control,    // the size can be required for a compute pipeline
    subgroup_full,            // full subgroups can be required for a compute pipeline
    // How the driver compiles: a load from an address that is uniform over the subgroup becomes a scalar
    // load, and
    // eight of them joined by selects on the lane one vector load. Software drivers only (host/quirks.hpp).
    uniform_loads,
    // the machine around it
    vulkan_memory_model,
    memory_budget,
    memory_priority,
    external_memory_host,
    pipeline_executable_info,
    count_,
};
inline constexpr std::size_t kFeatureCount = static_cast<std::size_t>(Feature::count_);

// "storage8"; stable: kernel tables, caps files and JSON use these names.
std::string_view feature_name(Feature feature);
std::optional<Feature> parse_feature(std::string_view name);

std::string_view device_type_name(DeviceType type);
std::optional<DeviceType> parse_device_type(std::string_view name);

class FeatureSet {
  public:
    constexpr FeatureSet() = default;
    constexpr FeatureSet(std::initializer_list<Feature> features) {
        for (Feature feature : features) set(feature, true);
    }
    [[nodiscard]] constexpr bool has(Feature feature) const { return (bits_ & bit(feature)) != 0; }
    constexpr void set(Feature feature, bool present) {
        bits_ = present ? bits_ | bit(feature) : bits_ & ~bit(feature);
    }
    constexpr bool operator==(const FeatureSet&) const = default;

  private:
    static constexpr std::uint64_t bit(Feature feature) {
        return std::uint64_t{1} << static_cast<unsigned>(feature);
    }
    std::uint64_t bits_ = 0;
};
static_assert(kFeatureCount <= 64);

// Takes out every feature whose foundation is missing: integer_dot_accelerated without integer_dot, and so
// on.
void drop_dependents(FeatureSet& features);

struct Limits {
    std::array<std::uint32_t, 3> max_workgroup_size{};
    std::uint32_t max_workgroup_invocations = 0;
    std::array<std::uint32_t, 3> max_workgroup_count{};
    std::uint32_t shared_memory_bytes = 0;
    std::uint32_t push_constant_bytes = 0;
    std::uint64_t max_buffer_bytes = 0;
    std::uint64_t max_allocation_bytes = 0;  // drivers often grant more; a hint, not a wall
    std::uint32_t max_allocation_count = 0;
    std::uint64_t non_coherent_atom_bytes = 1;
    double timestamp_period_ns = 0;
    std::uint64_t min_imported_host_pointer_alignment = 0;  // 0: no import
    bool operator==(const Limits&) const = default;
};

struct Subgroup {
    std::uint32_t size = 0;
    std::uint32_t min_size = 0;
    std::uint32_t max_size = 0;
    std::uint32_t max_per_workgroup = 0;
    bool operator==(const Subgroup&) const = default;
};

struct Heap {
    std::uint64_t bytes = 0;
    bool device_local = false;
    std::uint64_t budget_bytes =
        0;                          // what this process may use in all, its present use included; an estimate
    std::uint64_t usage_bytes = 0;  // what it used when the snapshot was taken
    bool operator==(const Heap&) const = default;
};

struct MemoryType {
    std::uint32_t heap = 0;
    bool device_local = false;
    bool host_visible = false;
    bool host_coherent = false;
    bool host_cached = false;
    bool special = false;  // lazily allocated, protected, device-coherent, ...: never chosen
    bool operator==(const MemoryType&) const = default;
};

struct QueueFamily {
    std::uint32_t count = 0;
    bool graphics = false;
    bool compute = false;
    bool transfer = false;
    std::uint32_t timestamp_valid_bits = 0;
    bool operator==(const QueueFamily&) const = default;
};

// One shape the device multiplies: (m x k) * (k x n) + (m x n). Component types: "f16", "f32", "f64", "bf16",
// "s8".."s64", "u8".."u64", or "other".
struct MatrixShape {
    std::uint32_t m = 0, n = 0, k = 0;
    std::string a, b, c, result;
    std::string scope;  // "subgroup", "workgroup", "queue_family", "device"
    bool saturating = false;
    bool operator==(const MatrixShape&) const = default;
};

struct DeviceSnapshot {
    std::string name;
    DeviceType type = DeviceType::other;
    std::string driver_name;
    std::string driver_info;
    std::uint32_t driver_version = 0;  // as the driver encodes it
    std::uint32_t api_version = 0;     // as Vulkan encodes it; see version_text
    std::uint32_t vendor_id = 0;
    std::uint32_t device_id = 0;
    std::array<std::uint8_t, 16> device_uuid{};
    std::array<std::uint8_t, 16> driver_uuid{};
    std::array<std::uint8_t, 16> pipeline_cache_uuid{};
    Limits limits;
    Subgroup subgroup;
    FeatureSet features;
    std::vector<Heap> heaps;
    std::vector<MemoryType> memory_types;
    std::vector<QueueFamily> queue_families;
    std::vector<MatrixShape> matrix_shapes;
    // Where a card is simulated (host/simulated_card.hpp): the real memory type behind all of memory_types.
    std::optional<std::uint32_t> card_memory_type;

    [[nodiscard]] bool has(Feature feature) const { return features.has(feature); }
    bool operator==(const DeviceSnapshot&) const = default;
};

// "1.3.230" from Vulkan's packed form.
std::string version_text(std::uint32_t api_version);

// The family work is sent to: one that can time comes first, then one with graphics too, which every driver
// has and tunes; dedicated compute families are for working beside it. Empty: no compute queue.
std::optional<std::uint32_t> compute_family(const DeviceSnapshot& device);

// Whether host and device share one memory, so that a buffer is written in place and never staged.
bool unified(const DeviceSnapshot& device);

// A device without memory of its own and without hardware behind it: lavapipe, SwiftShader.
bool software(const DeviceSnapshot& device);

// Bytes of the device-local heaps; of all heaps when memory is unified.
std::uint64_t device_memory_bytes(const DeviceSnapshot& device);

// Nanoseconds from one timestamp to a later one, on a counter of `valid_bits` bits that may have wrapped
// once.
double ticks_to_ns(std::uint64_t later, std::uint64_t earlier, std::uint32_t valid_bits, double period_ns);

// Every reason why Tuff cannot use the device ("Vulkan 1.2.0; needs 1.3"); empty: it can.
std::vector<std::string> why_unusable(const DeviceSnapshot& device);

}  // namespace tuff::host
