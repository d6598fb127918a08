package io.postroom.channel.http;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;

/**
 * Tells addresses of the internet from those of this machine, of private networks and of clouds' metadata services. Lists are those of the
 * IANA special-purpose registries.
 */
final class PublicAddresses {
    /** IPv4: network, and bits that count. */
    private static final int[][] NOT_PUBLIC = {
        {ip(0, 0, 0, 0), 8}, // this network
        {ip(10, 0, 0, 0), 8},
        {ip(100, 64, 0, 0), 10}, // shared with a provider
        {ip(127, 0, 0, 0), 8},
        {ip(169, 254, 0, 0), 16}, // link-local, with the metadata of clouds
        {ip(172, 16, 0, 0), 12},
        {ip(192, 0, 0, 0), 24},
        {ip(192, 0, 2, 0), 24},
        {ip(192, 88, 99, 0), 24},
        {ip(192, 168, 0, 0), 16},
        {ip(198, 18, 0, 0), 15},
        {ip(198, 51, 100, 0), 24},
        {ip(203, 0, 113, 0), 24},
        {ip(224, 0, 0, 0), 3}, // multicast, reserved, broadcast
    };

    private PublicAddresses() {}

    static boolean isPublic(InetAddress address) {
        byte[] bytes = address.getAddress();
        if (address instanceof Inet4Address) {
            return isPublic(bytes, 0);
        }
        boolean global = (bytes[0] & 0xE0) == 0x20; // 2000::/3 is all that is handed out
        if (starts(bytes, 0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)) {
            return isPublic(bytes, 12); // NAT64 leads to the IPv4 address at its end
        } else if (starts(bytes, 0x20, 0x02)) {
            return isPublic(bytes, 2); // 6to4 leads to the IPv4 address in its middle
        }
        return global
                && !(starts(bytes, 0x20, 0x01) && (bytes[2] & 0xFE) == 0) // 2001::/23: Teredo, ORCHID and the like
                && !starts(bytes, 0x20, 0x01, 0x0d, 0xb8)
                && !(starts(bytes, 0x3f, 0xff) && (bytes[2] & 0xF0) == 0);
    }

    /**
     * Refuses the name as a whole when one of its addresses is not public: a name that leads here and there is no mistake of a public
     * system.
     */
    static InetAddress[] require(String host, InetAddress[] addresses) throws UnknownHostException {
        if (!Arrays.stream(addresses).allMatch(PublicAddresses::isPublic)) {
            throw new NotPublicException(host);
        }
        return addresses;
    }

    /** The name leads to an address that may not be called. The text does not show it: whoever tests an entry may not know the network. */
    static final class NotPublicException extends UnknownHostException {
        NotPublicException(String host) {
            super(host + " is at an address of this machine or of a private network, which may not be called");
        }
    }

    private static boolean isPublic(byte[] bytes, int at) {
        int address = ip(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        return Arrays.stream(NOT_PUBLIC).noneMatch(net -> (address ^ net[0]) >>> (32 - net[1]) == 0);
    }

    private static boolean starts(byte[] bytes, int... first) {
        for (int i = 0; i < first.length; i++) {
            if ((bytes[i] & 0xFF) != first[i]) {
                return false;
            }
        }
        return true;
    }

    private static int ip(int a, int b, int c, int d) {
        return (a & 0xFF) << 24 | (b & 0xFF) << 16 | (c & 0xFF) << 8 | d & 0xFF;
    }
}
