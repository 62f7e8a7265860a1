// What tests of residency share: a file of units on a simulated card, and the products that go through them.
#pragma once

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/matmul.hpp"
#include "backend/residency/placed_model.hpp"
#include "host/simulated_card.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::test {

// Units of two products each: x = B (A x).
class SimulatedCardTest : public host::test::DeviceTest {
  protected:
    static constexpr std::uint64_t kWidth = 256, kHidden = 512;
    static constexpr std::uint64_t kRoomy = 64 << 20;  // bytes of a card that holds all units and more

    void SetUp() override {
        DeviceTest::SetUp();
        if (!HasFatalFailure()) need_simulated_card(kRoomy);
    }

    // The file path_ with units_, of q8_0, all of that residence, or of so many experts each; and x_.
    void write_units(std::size_t count, const std::string& kind, Residence residence, Random& random,
                     std::uint64_t experts = 0) {
        path_ = directory_.path("units");
        layout_ = preferred_layout(probed());
        std::ofstream out(path_, std::ios::binary);
        std::uint64_t at = 0;
        const Format& format = *find_format("q8_0");
        for (std::size_t i = 0; i < count; i++) {
            ModelUnit unit{kind + " " + std::to_string(i), {}, residence, experts};
            const std::uint64_t stack = std::max<std::uint64_t>(experts, 1);
            for (const MatrixShape& shape :
                 {MatrixShape{kHidden, kWidth, stack}, MatrixShape{kWidth, kHidden, stack}}) {
                // Small scales: the results of one unit feed the next.
                std::vector<std::byte> blocks =
                    random_blocks(format, shape.rows * shape.elements * stack, random);
                for (std::size_t b = 0; b < blocks.size(); b += 34)
                    format.set_scales(&blocks[b], 0x1p-11F, 0);
                out.write(reinterpret_cast<const char*>(blocks.data()),
                          static_cast<std::streamsize>(blocks.size()));
                unit.matrices.push_back({unit.name, &format, shape, at});
                at += blocks.size();
            }
            units_.push_back(std::move(unit));
        }
        x_ = random_floats(kWidth, random);
    }

    // A card, and the buffers the products work in.
    struct Card {
        std::unique_ptr<host::Device> device;
        host::Buffer x, hidden, scratch;
        MatmulPlan up, down;
    };
    void open_card(std::uint64_t budget, Card& card, host::DeviceOptions options = {}) {
        const auto snapshot = host::simulate_card(probed(), budget);
        TUFF_OK(snapshot);
        auto device = open(*snapshot, std::move(options));
        TUFF_OK(device);
        card.device = std::move(*device);
        const Format& format = *find_format("q8_0");
        auto up = plan_matmul(*snapshot, format, layout_, {.m = kHidden, .n = 1, .k = kWidth});
        auto down = plan_matmul(*snapshot, format, layout_, {.m = kWidth, .n = 1, .k = kHidden});
        TUFF_OK(up);
        TUFF_OK(down);
        card.up = std::move(*up);
        card.down = std::move(*down);
        for (const auto& [buffer, bytes] :
             {std::pair{&card.x, kWidth * 4},
              {&card.hidden, kHidden * 4},
              {&card.scratch, std::max(card.up.scratch_bytes, card.down.scratch_bytes)}}) {
            auto made = card.device->allocate(host::Intent::scratch, bytes, "work");
            TUFF_OK(made);
            *buffer = std::move(*made);
        }
    }

    // x goes through one unit.
    static Result<void> record_unit(host::Stream& stream, const Card& card, std::span<const Weights> w) {
        TUFF_CHECK(
            record_matmul(stream, *card.device, card.up, w[0], {&card.x}, {&card.hidden}, {&card.scratch}));
        return record_matmul(stream, *card.device, card.down, w[1], {&card.hidden}, {&card.x},
                             {&card.scratch});
    }
    Result<void> upload_x(Card& card) const {
        return host::upload(*card.device, card.x, 0, std::as_bytes(std::span(x_)));
    }
    static Result<std::vector<std::uint32_t>> bits_of_x(const Card& card) {
        std::vector<std::uint32_t> bits(kWidth);
        TUFF_CHECK(host::readback(*card.device, card.x, 0, std::as_writable_bytes(std::span(bits))));
        return bits;
    }

    std::string path_;
    std::vector<ModelUnit> units_;
    std::vector<float> x_;
    Layout layout_{};
};

}  // namespace tuff::test
