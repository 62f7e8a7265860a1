// Plans against the bytes that are then allocated, on the device and on a card simulated on it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/attention/cached_attention.hpp"
#include "backend/kv/cache.hpp"
#include "backend/matmul_plan.hpp"
#include "backend/model/gguf_model.hpp"
#include "backend/plan/memory_plan.hpp"
#include "backend/plan/weight_types.hpp"
#include "backend/weights.hpp"
#include "host/simulated_card.hpp"
#include "tests/backend/gguf_builder.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::test {
namespace {

// A small llama with grouped heads, as a file of f16 zeros; its shape is that of a model that was really
// trained.
std::vector<std::byte> small_model_file() {
    constexpr std::uint64_t kLayers = 4, kWidth = 256, kFeedForward = 768, kQueries = 512, kKeys = 256;
    constexpr std::uint64_t kVocabulary = 259;
    struct Tensor {
        std::string name;
        std::vector<std::uint64_t> dims;
        std::uint64_t bytes;
    };
    std::vector<Tensor> tensors;
    const auto matrix = [&](std::string name, std::uint64_t k, std::uint64_t m) {
        tensors.push_back({std::move(name), {k, m}, k * m * 2});
    };
    const auto vector = [&](std::string name) { tensors.push_back({std::move(name), {kWidth}, kWidth * 4}); };
    matrix("token_embd.weight", kWidth, kVocabulary);
    for (std::uint64_t i = 0; i < kLayers; i++) {
        const std::string layer = "blk." + std::to_string(i) + ".";
        vector(layer + "attn_norm.weight");
        matrix(layer + "attn_q.weight", kWidth, kQueries);
        matrix(layer + "attn_k.weight", kWidth, kKeys);
        matrix(layer + "attn_v.weight", kWidth, kKeys);
        matrix(layer + "attn_output.weight", kQueries, kWidth);
        vector(layer + "ffn_norm.weight");
        matrix(layer + "ffn_gate.weight", kWidth, kFeedForward);
        matrix(layer + "ffn_up.weight", kWidth, kFeedForward);
        matrix(layer + "ffn_down.weight", kFeedForward, kWidth);
    }
    vector("output_norm.weight");
    matrix("output.weight", kWidth, kVocabulary);

    GgufBuilder file;
    const auto number = [&](const char* key, std::uint32_t value) {
        file.key(key, GgufType::u32).put(value);
    };
    file.header(tensors.size(), 9);
    file.key("general.architecture", GgufType::string).text("llama");
    number("llama.block_count", kLayers);
    number("llama.embedding_length", kWidth);
    number("llama.context_length", 1024);
    number("llama.feed_forward_length", kFeedForward);
    number("llama.attention.head_count", 4);
    number("llama.attention.head_count_kv", 2);
    number("llama.attention.key_length", 128);
    number("llama.attention.value_length", 128);
    std::uint64_t offset = 0;
    for (const Tensor& tensor : tensors) {
        file.tensor(tensor.name, tensor.dims, tensor.dims.size() == 1 ? 0 : 1, offset);
        offset += (tensor.bytes + 31) / 32 * 32;
    }
    file.pad().zeros(offset);
    return file.bytes();
}

// What a run keeps, allocated as a run does it.
class Allocated {
  public:
    explicit Allocated(host::Device& device) : device_(device) {}

    Result<void> tensor(const ModelTensor& tensor, const TypeInfo& type) {
        const Format* format = find_format(type.id);
        if (tensor.n_dims < 2 || format == nullptr) {
            TUFF_TRY(bytes, row_bytes(type, tensor.elements()));
            return buffer(host::Intent::weights, bytes);
        }
        const MatrixShape shape{tensor.dims[1], tensor.dims[0], tensor.dims[2]};
        TUFF_TRY(bytes, matrix_bytes(*format, Layout::blocks, shape));
        const std::vector<std::byte> blocks(bytes * shape.batches);
        TUFF_TRY(weights, Weights::upload(device_, *format, preferred_layout(device_.snapshot()), shape,
                                          blocks, tensor.name));
        for (const Weights::Shard& shard : weights.shards) count(shard.buffer);
        weights_.push_back(std::move(weights));
        return {};
    }

    Result<void> cache(std::span<const CacheLayer> layers, const CacheOptions& options) {
        TUFF_TRY(made, KvCache::make(device_, preferred_cache_kind(device_.snapshot()), layers, options));
        cache_ = std::move(made);
        return {};
    }

    Result<void> buffer(host::Intent intent, std::uint64_t bytes) {
        if (bytes == 0) return {};
        TUFF_TRY(made, device_.allocate(intent, bytes, "planned"));
        count(made);
        buffers_.push_back(std::move(made));
        return {};
    }

    // Of everything since the last call.
    std::uint64_t take_bytes() { return std::exchange(bytes_, 0); }
    // Of everything that lies in memory that is slow for its use.
    [[nodiscard]] std::uint64_t slow_bytes() const { return slow_bytes_; }

  private:
    void count(const host::Buffer& buffer) {
        bytes_ += buffer.size();
        if (buffer.where().slow) slow_bytes_ += buffer.size();
    }
    host::Device& device_;
    std::vector<Weights> weights_;
    std::vector<host::Buffer> buffers_;
    std::optional<KvCache> cache_;
    std::uint64_t bytes_ = 0, slow_bytes_ = 0;
};

void expect_within_one_percent(std::uint64_t planned, std::uint64_t real, std::string_view what) {
    EXPECT_NEAR(static_cast<double>(planned), static_cast<double>(real), 0.01 * static_cast<double>(real))
        << what;
}

class PlanAndReality : public host::test::DeviceTest {
  protected:
    static constexpr std::uint64_t kCard = std::uint64_t{1} << 28;  // bytes: more than the model takes

    void SetUp() override {
        DeviceTest::SetUp();
        if (HasFatalFailure()) return;
        bytes_ = small_model_file();
        auto file = GgufFile::parse(bytes_, "small.gguf");
        ASSERT_TRUE(file) << file.error().message;
        auto model = gguf_model(*file);
        ASSERT_TRUE(model) << model.error().message;
        model_ = std::move(*model);
        EXPECT_EQ(model_.parameters(), 4'067'072u);
        options_.context = 1024;
        options_.budget_bytes = std::uint64_t{1} << 30;
        options_.cache.k.format = find_cache_format("q8_0");
        options_.cache.v.format = find_cache_format("kv4");
    }

    std::unique_ptr<host::Device> open(const host::DeviceSnapshot& snapshot) {
        auto device = host::Device::open(*instance_, index_, snapshot);
        EXPECT_TRUE(device) << device.error().message;
        return device ? std::move(*device) : nullptr;
    }
    std::unique_ptr<host::Device> open_card(std::uint64_t bytes) {
        const auto card = host::simulate_card(probed(), bytes);
        EXPECT_TRUE(card) << card.error().message;
        return card ? open(*card) : nullptr;
    }

    [[nodiscard]] std::vector<const TypeInfo*> types(std::string_view weights) const {
        const auto got = weight_types(model_, weights);
        EXPECT_TRUE(got) << got.error().message;
        return got.value_or(std::vector<const TypeInfo*>{});
    }
    MemoryPlan plan(const host::DeviceSnapshot& snapshot, std::string_view weights) {
        auto got = plan_memory(model_, types(weights), snapshot, options_);
        EXPECT_TRUE(got) << got.error().message;
        return got ? std::move(*got) : MemoryPlan{};
    }

    // Everything a plan lists, resident.
    Result<void> allocate_all(Allocated& memory, const MemoryPlan& plan) {
        TUFF_CHECK(allocate_weights(memory, plan));
        return allocate_working(memory, plan);
    }
    Result<void> allocate_weights(Allocated& memory, const MemoryPlan& plan) {
        for (std::size_t i = 0; i < model_.tensors.size(); i++)
            TUFF_CHECK(memory.tensor(model_.tensors[i], *plan.weights.tensors[i].type));
        return {};
    }
    Result<void> allocate_working(Allocated& memory, const MemoryPlan& plan) {
        TUFF_CHECK(memory.cache(cache_layers(model_.shape), cache_options(options_)));
        for (const std::uint64_t bytes :
             {plan.working.scores, plan.working.scratch, plan.working.activations, plan.working.logits})
            TUFF_CHECK(memory.buffer(host::Intent::scratch, bytes));
        return {};
    }

    std::vector<std::byte> bytes_;
    Model model_;
    MemoryPlanOptions options_;
};

TEST_F(PlanAndReality, EveryLineIsWhatTheDeviceIsAskedFor) {
    const auto device = open(probed());
    ASSERT_NE(device, nullptr);
    for (const char* weights : {"", "q8_0", "q4_k_m"}) {
        const MemoryPlan planned = plan(device->snapshot(), weights);
        Allocated memory(*device);
        const Result<void> done = allocate_weights(memory, planned);
        ASSERT_TRUE(done) << done.error().message;
        EXPECT_EQ(planned.weights.arranged_bytes, memory.take_bytes()) << weights;
    }
}

// One float a head, query and position, and no scratch for attention.
TEST_F(PlanAndReality, ScoresAreKeptWhereAttentionIsNotOneKernel) {
    const MemoryPlan in_one = plan(probed(), "");
    EXPECT_EQ(in_one.working.scores, 0u);
    options_.flash_attention = false;
    const MemoryPlan apart = plan(probed(), "");
    EXPECT_EQ(apart.working.scores, 4 * options_.ubatch * options_.context * sizeof(float));
    EXPECT_EQ(apart.working.scratch, apart.working.product_scratch);
    EXPECT_EQ(apart.weights.arranged_bytes, in_one.weights.arranged_bytes);
}

// Sliding layers, parts apart in f16, several sequences: everything that makes buffers of its own.
TEST_F(PlanAndReality, TheCacheTakesEveryBytePlanned) {
    const auto device = open(probed());
    ASSERT_NE(device, nullptr);
    for (const bool elaborate : {false, true}) {
        if (elaborate) {
            options_.sequences = 3;
            options_.cache.recent = 16;
            model_.shape.layers[1].window = 40;
            model_.shape.layers[2].owns_cache = false;
        }
        const auto planned = plan_cache(model_.shape, options_);
        ASSERT_TRUE(planned) << planned.error().message;
        const auto made = KvCache::make(*device, preferred_cache_kind(device->snapshot()),
                                        cache_layers(model_.shape), cache_options(options_));
        ASSERT_TRUE(made) << made.error().message;
        std::uint64_t bytes = 0;
        for (const std::uint64_t buffer : planned->buffers()) bytes += host::allocated_bytes(buffer);
        EXPECT_EQ(bytes, made->device_bytes());
        std::uint64_t most_scratch = 0;
        for (std::uint32_t i = 0; i < model_.shape.layers.size(); i++) {
            CachedQueries prompt{0, 0, 1, static_cast<std::uint32_t>(options_.ubatch), 4, 0};
            CachedQueries decode{0, 0, static_cast<std::uint32_t>(options_.sequences), 1, 4, 0};
            for (const CachedQueries& queries : {prompt, decode}) {
                const auto plan = plan_cached_attention(device->snapshot(), *made, i, queries, {});
                if (!model_.shape.layers[i].owns_cache) continue;
                ASSERT_TRUE(plan) << plan.error().message;
                most_scratch = std::max(most_scratch, plan->scratch_bytes);
            }
            const std::vector<CacheSegment> real = made->segments(i);
            const std::vector<AttentionSegment> segments =
                attention_segments(planned->layers[i], options_.sequences);
            ASSERT_EQ(real.size(), segments.size()) << i;
            for (std::size_t s = 0; s < real.size(); s++) {
                EXPECT_EQ(real[s].k_format, segments[s].k_format);
                EXPECT_EQ(real[s].v_format, segments[s].v_format);
                EXPECT_EQ(real[s].cells, segments[s].cells);
            }
        }
        const auto scratch = attention_scratch_bytes(model_.shape, device->snapshot(), options_, *planned);
        ASSERT_TRUE(scratch) << scratch.error().message;
        EXPECT_EQ(*scratch, most_scratch);
    }
}

// Scratch is whatever the largest product or attention takes.
TEST_F(PlanAndReality, ScratchServesEveryProductAndAttentionOfTheModel) {
    const host::DeviceSnapshot& device = probed();
    for (const char* weights : {"", "q4_k_m"}) {
        const MemoryPlan planned = plan(device, weights);
        std::uint64_t most = 0;
        for (std::size_t i = 0; i < model_.tensors.size(); i++) {
            const ModelTensor& tensor = model_.tensors[i];
            const Format* format = find_format(planned.weights.tensors[i].type->id);
            if (tensor.n_dims < 2 || format == nullptr) continue;
            for (const std::uint64_t tokens : {std::uint64_t{1}, options_.ubatch}) {
                MatmulShape shape;
                shape.m = tensor.dims[1];
                shape.k = tensor.dims[0];
                shape.n = tokens;
                const auto product = plan_matmul(device, *format, preferred_layout(device), shape);
                ASSERT_TRUE(product) << product.error().message;
                most = std::max(most, product->scratch_bytes);
            }
        }
        EXPECT_EQ(planned.working.product_scratch, most) << weights;
        const auto attention = attention_scratch_bytes(model_.shape, device, options_, planned.cache);
        ASSERT_TRUE(attention) << attention.error().message;
        most = std::max(most, *attention);
        EXPECT_EQ(planned.working.scratch, most) << weights;
    }
}

TEST_F(PlanAndReality, ACardOfTheTotalHoldsAllAndASmallerOneDoesNot) {
    for (const char* weights : {"", "q4_k_m"}) {
        need_simulated_card(kCard);
        if (HasFatalFailure() || IsSkipped()) return;
        const auto card = host::simulate_card(probed(), kCard);
        const MemoryPlan planned = plan(*card, weights);
        {
            const auto device = open_card(planned.total_bytes);
            ASSERT_NE(device, nullptr);
            Allocated memory(*device);
            const auto used = [&] { return device->heap_use()[0].usage_bytes; };
            const Result<void> weights_done = allocate_weights(memory, planned);
            ASSERT_TRUE(weights_done) << weights_done.error().message;
            expect_within_one_percent(planned.weights.device_bytes, used(), "weights");
            const std::uint64_t before = used();
            const Result<void> done = allocate_working(memory, planned);
            ASSERT_TRUE(done) << done.error().message;
            expect_within_one_percent(planned.working.total(), used() - before, "working memory");
            const host::HeapUse use = device->heap_use()[0];
            expect_within_one_percent(planned.total_bytes, use.usage_bytes, weights);
            EXPECT_LE(use.peak_bytes, planned.total_bytes);
            EXPECT_EQ(memory.slow_bytes(), 0u);
        }
        const auto device = open_card(planned.total_bytes / 100 * 95);
        ASSERT_NE(device, nullptr);
        Allocated memory(*device);
        const Result<void> done = allocate_all(memory, planned);
        // Either there is no room, or something was placed in the host's memory, which is told.
        EXPECT_TRUE(!done || memory.slow_bytes() > 0) << weights;
    }
}

TEST_F(PlanAndReality, APartlyResidentModelStaysWithinItsBudget) {
    need_simulated_card(kCard);
    if (HasFatalFailure() || IsSkipped()) return;
    const auto card = host::simulate_card(probed(), kCard);
    const MemoryPlan whole = plan(*card, "");
    options_.budget_bytes = whole.total_bytes - whole.weights.device_bytes / 3;
    const MemoryPlan planned = plan(*card, "");
    ASSERT_GT(planned.residency.streamed_units, 0u);
    ASSERT_GT(planned.residency.resident_units, 0u);
    const auto device = open_card(options_.budget_bytes);
    ASSERT_NE(device, nullptr);
    Allocated memory(*device);
    const std::vector<const TypeInfo*> all_types = types("");
    for (const PlacedUnit& placed : planned.residency.units) {
        if (placed.resident == 0) continue;
        for (std::size_t i = 0; i < model_.tensors.size(); i++) {
            const auto layer = layer_of(model_.tensors[i].name);
            const bool in_unit = placed.unit.kind == UnitKind::layer
                                     ? layer == placed.unit.layer
                                     : model_.tensors[i].name.starts_with("output");
            if (!in_unit) continue;
            const Result<void> done = memory.tensor(model_.tensors[i], *all_types[i]);
            ASSERT_TRUE(done) << done.error().message;
        }
    }
    for (std::uint64_t i = 0; i < planned.residency.slots; i++) {
        const Result<void> slot =
            memory.buffer(host::Intent::weights, planned.residency.slot_bytes - host::kTailBytes);
        ASSERT_TRUE(slot) << slot.error().message;
    }
    const Result<void> done = allocate_working(memory, planned);
    ASSERT_TRUE(done) << done.error().message;
    const host::HeapUse use = device->heap_use()[0];
    EXPECT_LE(use.peak_bytes, options_.budget_bytes);
    expect_within_one_percent(planned.device_bytes, use.usage_bytes, "device");
    EXPECT_EQ(memory.slow_bytes(), 0u);
}

}  // namespace
}  // namespace tuff::test
