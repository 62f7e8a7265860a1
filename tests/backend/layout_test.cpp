#include "backend/layout.hpp"

#include <gtest/gtest.h>

#include "tests/backend/printing.hpp"
#include "tests/backend/random_blocks.hpp"

namespace tuff::test {
namespace {

class EveryLayout : public testing::TestWithParam<std::tuple<const Format*, Layout>> {};

INSTANTIATE_TEST_SUITE_P(Layout, EveryLayout,
                         testing::Combine(testing::ValuesIn(formats().begin(), formats().end()),
                                          testing::Values(Layout::blocks, Layout::planes, Layout::lanes)),
                         [](const auto& parameters) {
                             return std::string(std::get<0>(parameters.param)->name) + "_" +
                                    std::string(layout_name(std::get<1>(parameters.param)));
                         });

TEST_P(EveryLayout, RestoresWhatItArrangedWhateverTheShapeAndThreads) {
    const auto& [format, layout] = GetParam();
    Random random(1);
    const std::uint64_t block = format->type().block_elements;
    for (const std::uint64_t rows : {1, 7, 8, 9, 33})
        for (const std::uint64_t blocks : {1, 3, 41})
            for (const std::uint64_t batches : {1, 3})
                for (const unsigned threads : {1u, 3u}) {
                    const MatrixShape shape{rows, blocks * block, batches};
                    const Result<std::uint64_t> bytes = matrix_bytes(*format, layout, shape);
                    ASSERT_TRUE(bytes) << bytes.error().message;
                    const std::vector<std::byte> source =
                        random_blocks(*format, rows * blocks * block * batches, random);
                    std::vector<std::byte> arranged(*bytes * batches, std::byte{0xa5}), again(source.size());
                    arrange(*format, layout, shape, source.data(), arranged, threads);
                    restore(*format, layout, shape, arranged, again.data());
                    ASSERT_EQ(source, again) << rows << " x " << shape.elements << " x " << batches;
                }
}

TEST_P(EveryLayout, IsPutTogetherFromRowsArrangedByThemselves) {
    const auto& [format, layout] = GetParam();
    Random random(4);
    const MatrixShape matrix{43, std::uint64_t{format->type().block_elements} * 3, 1};
    const std::vector<std::byte> source = random_blocks(*format, matrix.rows * matrix.elements, random);
    std::vector<std::byte> whole(*matrix_bytes(*format, layout, matrix)),
        pieced(whole.size(), std::byte{0xa5});
    arrange(*format, layout, matrix, source.data(), whole, 1);
    for (const auto& [first, rows] : {std::pair<std::uint64_t, std::uint64_t>{0, 16}, {16, 8}, {24, 19}}) {
        const MatrixShape part{rows, matrix.elements, 1};
        std::vector<std::byte> arranged(*matrix_bytes(*format, layout, part));
        arrange(*format, layout, part, source.data() + first * source.size() / matrix.rows, arranged, 1);
        for (const RowsPiece& piece : rows_pieces(*format, layout, matrix, first, rows)) {
            ASSERT_LE(piece.from + piece.bytes, arranged.size());
            ASSERT_LE(piece.to + piece.bytes, pieced.size());
            std::copy_n(arranged.begin() + static_cast<std::ptrdiff_t>(piece.from), piece.bytes,
                        pieced.begin() + static_cast<std::ptrdiff_t>(piece.to));
        }
    }
    EXPECT_TRUE(pieced == whole);
}

TEST_P(EveryLayout, GivesTheSameBytesForAnyNumberOfThreadsAndLeavesNoneUnwritten) {
    const auto& [format, layout] = GetParam();
    Random random(2);
    const MatrixShape shape{27, std::uint64_t{format->type().block_elements} * 5, 2};
    const std::vector<std::byte> source =
        random_blocks(*format, shape.rows * shape.elements * shape.batches, random);
    const std::uint64_t bytes = *matrix_bytes(*format, layout, shape) * shape.batches;
    std::vector<std::byte> one(bytes, std::byte{0x11}), many(bytes, std::byte{0xee});
    arrange(*format, layout, shape, source.data(), one, 1);
    arrange(*format, layout, shape, source.data(), many, 4);
    EXPECT_EQ(one, many);
}

TEST_P(EveryLayout, TakesTheBytesOfItsPlanesPlusRounding) {
    const auto& [format, layout] = GetParam();
    const MatrixShape shape{4096, 14336, 1};
    const double here = static_cast<double>(*matrix_bytes(*format, layout, shape));
    const double file = static_cast<double>(*matrix_bytes(*format, Layout::blocks, shape));
    double planes = 0;
    for (const Plane& plane : (layout == Layout::lanes ? format->lanes : format->wide).planes)
        planes += static_cast<double>(shape.rows * shape.elements / plane.elements * plane.bytes);
    EXPECT_GE(here, file);
    EXPECT_GE(here, planes);
    EXPECT_LE(here, planes * 1.005);
}

TEST_P(EveryLayout, RefusesImpossibleShapesByName) {
    const auto& [format, layout] = GetParam();
    for (const MatrixShape shape :
         {MatrixShape{0, 256, 1}, MatrixShape{1, 0, 1}, MatrixShape{1, 256, 0},
          MatrixShape{std::uint64_t{1} << 40, 256, 1}, MatrixShape{1, std::uint64_t{1} << 40, 1},
          MatrixShape{std::uint64_t{1} << 31, std::uint64_t{1} << 31, 1}}) {
        const Result<std::uint64_t> bytes = matrix_bytes(*format, layout, shape);
        ASSERT_FALSE(bytes);
        EXPECT_EQ(bytes.error().code, ErrorCode::usage);
    }
    if (format->type().block_elements == 1) return;
    const Result<std::uint64_t> bytes =
        matrix_bytes(*format, layout, {1, format->type().block_elements + 1, 1});
    ASSERT_FALSE(bytes);
    EXPECT_NE(bytes.error().message.find(std::to_string(format->type().block_elements)), std::string::npos);
}

}  // namespace
}  // namespace tuff::test
