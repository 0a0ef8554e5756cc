"""The device key, from Python."""

import unittest

from callout_mobile import FieldError, SoftwareKey, library_version


class KeyTest(unittest.TestCase):
    def test_a_software_key_survives_by_its_secret(self):
        key = SoftwareKey.generate()
        again = SoftwareKey.from_secret(key.secret())
        self.assertEqual(key.public_key(), again.public_key())
        self.assertEqual(64, len(key.sign(b"visit")))

    def test_what_is_no_key_is_refused_by_name(self):
        with self.assertRaises(FieldError.Refused) as refused:
            SoftwareKey.from_secret(bytes(31))
        self.assertEqual("key", refused.exception.rule)

    def test_the_library_tells_its_version(self):
        self.assertRegex(library_version(), r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    unittest.main()
