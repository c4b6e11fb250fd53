#include "daemon/supervisor/generation.h"

#include <gmock/gmock.h>

#include "daemon/sys/resources.h"
#include "daemon/sys/shared_memory.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr char kText[] = R"(
[listener.web]
address = "127.0.0.1:8080"
[pool.web]
listeners = ["web"]
workers = 3
routes = [{ path = "/", module = "demo" }]
)";

class LoadGeneration : public testing::Test {
 protected:
  LoadedGeneration load(std::string_view text, std::vector<config::Override> overrides = {}) {
    directory_.write("c.toml", text);
    return load_generation({directory_.path("c.toml"), std::move(overrides)}, 7);
  }

  worker::TemporaryDirectory directory_;
};

TEST_F(LoadGeneration, KeepsTheVeryTextThatWasValidated) {
  const LoadedGeneration loaded = load(kText);
  ASSERT_TRUE(loaded.generation) << loaded.faults.front();
  EXPECT_EQ(loaded.generation->number, 7U);
  EXPECT_EQ(loaded.generation->config.pools.size(), 1U);
  EXPECT_EQ(sys::read_memory_file(loaded.generation->text->get()).value(), kText);
  EXPECT_LT(::pwrite(loaded.generation->text->get(), "x", 1, 0), 0) << "sealed";
}

TEST_F(LoadGeneration, ListsEveryFaultWithItsPlace) {
  const LoadedGeneration loaded =
      load("[pool.web]\nworkers = -1\nlistener = [\"web\"]\n[nonsense]\n");
  EXPECT_FALSE(loaded.generation);
  EXPECT_GE(loaded.faults.size(), 3U);
  EXPECT_THAT(loaded.faults, Contains(HasSubstr("c.toml:2:")));
  EXPECT_THAT(loaded.faults, Contains(HasSubstr("c.toml:3:")));
}

TEST_F(LoadGeneration, SaysWhyAFileCanNotBeRead) {
  const LoadedGeneration missing = load_generation({directory_.path("none.toml"), {}}, 1);
  EXPECT_FALSE(missing.generation);
  EXPECT_THAT(missing.faults, ElementsAre(AllOf(HasSubstr("none.toml: open: No such file"),
                                                HasSubstr("sockherdctl config init"))));
  const LoadedGeneration directory = load_generation({directory_.path(""), {}}, 1);
  EXPECT_THAT(directory.faults, ElementsAre(HasSubstr("read: Is a directory")));
}

TEST_F(LoadGeneration, SaysThatAFileIsNotForItsUser) {
  REQUIRE_ROOT();
  directory_.write("c.toml", kText);
  ASSERT_EQ(::chmod(directory_.path("").c_str(), 0755), 0);
  ASSERT_EQ(::chmod(directory_.path("c.toml").c_str(), 0600), 0);
  const std::string said = sys::as_user(sys::kNobody, [&] {
    const auto loaded = load_generation({directory_.path("c.toml"), {}}, 1);
    return loaded.faults.empty() ? std::string("read") : loaded.faults.front();
  });
  EXPECT_THAT(said, AllOf(HasSubstr("open: Permission denied"), HasSubstr("must be able to read")));
}

// Found in review: faults go into D-Bus strings, which must be UTF-8, or the reply is lost.
TEST_F(LoadGeneration, ItsFaultsAreValidText) {
  const LoadedGeneration missing = load_generation({directory_.path("caf\xe9\n.toml"), {}}, 1);
  EXPECT_THAT(missing.faults, ElementsAre(HasSubstr("caf??.toml: open: ")));
  for (const std::string& fault : load("[pool.web]\nworkers = \"\xff\"\n").faults) {
    EXPECT_EQ(fault.find('\xff'), std::string::npos) << fault;
  }
}

TEST_F(LoadGeneration, TellsTheFleetWhatItMustKnow) {
  const LoadedGeneration loaded =
      load(kText, {{"--set", "pool.web.workers", "auto"}, {"--set", "pool.web.max_workers", "1"}});
  ASSERT_TRUE(loaded.generation) << loaded.faults.front();
  const fleet::Spec spec = fleet_spec(*loaded.generation);
  EXPECT_EQ(spec.generation, 7U);
  ASSERT_THAT(spec.pools, SizeIs(1));
  EXPECT_EQ(spec.pools[0].name, "web");
  EXPECT_EQ(spec.pools[0].workers, 1U) << "as many CPUs as there are, but not above the ceiling";
  EXPECT_EQ(spec.pools[0].max_workers, 1U);
  EXPECT_GT(spec.pools[0].start_timeout, Duration{0});
}

TEST_F(LoadGeneration, WorkersAndThreadsAreForTheSameCpus) {
  const auto spec_with = [this](std::vector<config::Override> overrides) {
    const LoadedGeneration loaded = load(kText, std::move(overrides));
    EXPECT_TRUE(loaded.generation) << loaded.faults.front();
    return std::pair(fleet_spec(*loaded.generation).pools.at(0),
                     threads_of(loaded.generation->config.pools.at(0)));
  };
  const auto [plain, one] = spec_with({});
  EXPECT_EQ(one, 1U);
  EXPECT_EQ(plain.max_workers, 256U);
  const auto [both, all] =
      spec_with({{"--set", "pool.web.workers", "auto"}, {"--set", "pool.web.threads", "auto"}});
  EXPECT_EQ(both.workers, 1U);
  EXPECT_EQ(all, std::min(sys::usable_cpus(), 64U));
  const auto [wide, many] =
      spec_with({{"--set", "pool.web.workers", "auto"}, {"--set", "pool.web.threads", "64"}});
  EXPECT_EQ(many, 64U);
  EXPECT_EQ(wide.workers, (sys::usable_cpus() + 63) / 64);
  EXPECT_EQ(wide.max_workers, 16U) << "1024 sockets";
}

}  // namespace
}  // namespace sockherd::supervisor
