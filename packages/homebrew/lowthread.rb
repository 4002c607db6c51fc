# From the source tree: brew install --HEAD --formula packages/homebrew/lowthread.rb
class Lowthread < Formula
  desc "Threading of Python's _thread for C: locks, queues, pools behind handles"
  homepage "https://crates.io/crates/lowthread"
  license any_of: ["MIT", "Apache-2.0"]
  head "file://#{File.expand_path("../..", __dir__)}", using: :git

  depends_on "cmake" => :build
  depends_on "rust" => :build

  def install
    system "cmake", "-S", ".", "-B", "build", "-DLOWTHREAD_BUILD_TESTS=OFF",
           "-DLOWTHREAD_BUILD_EXAMPLES=OFF", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
    pkgshare.install "examples"
  end

  test do
    system ENV.cc, pkgshare/"examples/c/hello.c", "-o", "hello", "-I#{include}", "-L#{lib}", "-llowthread"
    assert_match "hello from thread 1", shell_output("./hello")
  end
end
