#include "daemon/supervisor/fd_store.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include "tests/unit/daemon/supervisor/manager.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

UniqueFd some_file() {
  return UniqueFd(::memfd_create("test", MFD_CLOEXEC));
}

TEST(KeptName, IsReadAsItWasWritten) {
  struct Case {
    KeptName name;
    const char* text;
  };
  const Case cases[] = {
      {{Kept::Slot, 0, "web"}, "sockherd.slot.0.web"},
      {{Kept::Slot, 1023, "web.internal.v2"}, "sockherd.slot.1023.web.internal.v2"},
      {{Kept::Slot, 7, "7"}, "sockherd.slot.7.7"},
      {{Kept::Slot, 1, ".x."}, "sockherd.slot.1..x."},
      {{Kept::Slot, 1, "web@[__1]_80"}, "sockherd.slot.1.web@[__1]_80"},
      {{Kept::Worker, 18446744073709551615U, ""}, "sockherd.worker.18446744073709551615"},
      {{Kept::Control, 12, ""}, "sockherd.control.12"},
      {{Kept::Notify, 1, ""}, "sockherd.notify.1"},
      {{Kept::Statistics, 0, "web"}, "sockherd.stats.web"},
      {{Kept::Statistics, 0, "1.2"}, "sockherd.stats.1.2"},
      {{Kept::Bus, 0, "web"}, "sockherd.bus.web"},
      {{Kept::Bell, 0, "web"}, "sockherd.bell.web"},
      {{Kept::Upstream, 0, "api"}, "sockherd.upstream.api"},
      {{Kept::UpstreamBell, 0, "api"}, "sockherd.upbell.api"},
      {{Kept::Config, 3, ""}, "sockherd.config.3"},
      {{Kept::Balance, 2, "web"}, "sockherd.bpf.2.web"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(c.name.text(), c.text);
    const auto parsed = KeptName::parse(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(parsed->kind, c.name.kind) << c.text;
    EXPECT_EQ(parsed->number, c.name.number) << c.text;
    EXPECT_EQ(parsed->name, c.name.name) << c.text;
  }
}

TEST(KeptName, NothingElseIsOurs) {
  for (const char* text : {"",
                           "web",
                           "sockherd",
                           "sockherd.",
                           "sockherd.slot",
                           "sockherd.slot.",
                           "sockherd.slot.1",
                           "sockherd.slot.1.",
                           "sockherd.slot..web",
                           "sockherd.slot.x.web",
                           "sockherd.slot.-1.web",
                           "sockherd.slot.+1.web",
                           "sockherd.slot. 1.web",
                           "sockherd.slot.1x.web",
                           "sockherd.worker.",
                           "sockherd.worker.1.x",
                           "sockherd.worker.18446744073709551616",
                           "sockherd.stats.",
                           "sockherd.future.1",
                           "Sockherd.worker.1",
                           "sockherd.worker.1\n",
                           "x.sockherd.worker.1"}) {
    EXPECT_FALSE(KeptName::parse(text)) << '"' << text << '"';
  }
}

class FdStoreTest : public testing::Test {
 protected:
  worker::TemporaryDirectory directory_;
};

TEST_F(FdStoreTest, TheManagerKeepsWhatHasANameUntilItIsForgotten) {
  FakeManager manager(directory_.path("n"));
  FdStore store;
  const UniqueFd file = some_file();
  store.keep({Kept::Worker, 1, ""}, file.get());
  store.keep({Kept::Slot, 0, "web"}, file.get());
  EXPECT_THAT(manager.names(), ElementsAre("sockherd.slot.0.web", "sockherd.worker.1"));
  store.forget({Kept::Worker, 1, ""});
  EXPECT_THAT(manager.names(), ElementsAre("sockherd.slot.0.web"));
  store.forget("sockherd.slot.0.web");
  EXPECT_THAT(manager.names(), IsEmpty());
  EXPECT_EQ(store.failures(), 0U);
}

TEST_F(FdStoreTest, WithoutAManagerNothingHappens) {
  ::unsetenv("NOTIFY_SOCKET");
  FdStore store;
  const UniqueFd file = some_file();
  store.keep({Kept::Worker, 1, ""}, file.get());
  store.forget({Kept::Worker, 1, ""});
  EXPECT_EQ(store.failures(), 0U);
}

TEST_F(FdStoreTest, AManagerThatIsGoneIsCounted) {
  { const FakeManager manager(directory_.path("n")); }
  ::setenv("NOTIFY_SOCKET", directory_.path("n").c_str(), 1);
  FdStore store;
  const UniqueFd file = some_file();
  store.keep({Kept::Worker, 1, ""}, file.get());
  store.keep({Kept::Worker, 2, ""}, file.get());
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_EQ(store.failures(), 2U);
}

}  // namespace
}  // namespace sockherd::supervisor
