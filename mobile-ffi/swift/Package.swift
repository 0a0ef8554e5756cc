// swift-tools-version: 5.9
// The iOS package. `mobile-ffi/generate` writes the Swift source and the C header into target/bindings/swift; the
// library itself comes as an XCFramework made of the static libraries of each Apple target: see ../README.md.
import PackageDescription

let package = Package(
    name: "CalloutMobile",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "CalloutMobile", targets: ["CalloutMobile"])],
    targets: [
        .target(name: "CalloutMobile", dependencies: ["CalloutMobileFFI"]),
        .binaryTarget(name: "CalloutMobileFFI", path: "CalloutMobileFFI.xcframework"),
    ]
)
