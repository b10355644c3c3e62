"""What the in-process Bot API does for each method of Telegram's Bot API that it has.

One function per method over the world and the request, and the table that names them. Each either
returns the method's result as Telegram JSON or refuses in Telegram's words. It knows nothing of
any bot's purpose.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.botapi.html import Json
from bot.botapi.inline import chosen_content, inline_answer
from bot.botapi.keyboard import reply_markup
from bot.botapi.rules import (
    Refusal,
    Request,
    answer_text,
    chat_action,
    checked_document,
    checked_reactions,
    command_scope,
    commands,
    input_media,
    language_code,
    picture_size,
    reactions,
    refused,
    reply_parameters,
    too_many_requests,
)
from bot.botapi.text import Formatted, caption, media_caption, message_text
from bot.botapi.world import Room, StoredFile, World, origin_of

Method = Callable[[World, Request], Any | Awaitable[Any]]

_LAUNCH = 600
_DESCRIPTION = 512
_SHORT_DESCRIPTION = 120
_MEDIA = ("photo", "document")
_TEXT = ("text", "entities")
_CAPTION = ("caption", "caption_entities")
# What an edit puts in place of what.
_REPLACED: dict[str, tuple[str, ...]] = {
    "text": _TEXT,
    "caption": _CAPTION,
    "media": (*_TEXT, *_CAPTION, *_MEDIA, "has_media_spoiler"),
    "": (),
}
_CONTENT = (*_REPLACED["media"], "reply_markup")
_SERVICE = frozenset(
    (
        "forum_topic_created",
        "new_chat_members",
        "left_chat_member",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
    )
)


def _get_me(world: World, _: Request) -> Json:
    return world.bot | {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": True,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


async def _get_updates(world: World, request: Request) -> list[Json]:
    return await world.updates.get(request)


def _set_webhook(world: World, request: Request) -> bool:
    return world.updates.set_webhook(request)


def _delete_webhook(world: World, request: Request) -> bool:
    return world.updates.delete_webhook(request)


def _get_webhook_info(world: World, _: Request) -> Json:
    return world.updates.webhook_info()


def _log_out(world: World, _: Request) -> bool:
    world.logged_out_until = world.clock() + _LAUNCH
    world.updates.end_poll(Refusal(400, "Logged out"))
    return True


def _close(world: World, _: Request) -> bool:
    left = int(_LAUNCH - (world.clock() - world.started))
    if left > 0:
        raise too_many_requests(left)
    world.updates.end_poll(Refusal(500, "Internal Server Error: restart"))
    world.started = world.clock()
    return True


def _send_message(world: World, request: Request) -> Json:
    text = _known_mentions(world, message_text(request))
    return _deliver(world, request, text.fields(*_TEXT))


def _send_photo(world: World, request: Request) -> Json:
    words = _known_mentions(world, caption(request))
    content = _media(world, request, "photo", request.text("photo"))
    content |= words.fields(*_CAPTION)
    if request.flag("has_spoiler"):
        content["has_media_spoiler"] = True
    return _deliver(world, request, content)


def _send_document(world: World, request: Request) -> Json:
    words = _known_mentions(world, caption(request))
    content = _media(world, request, "document", request.text("document"))
    return _deliver(world, request, content | words.fields(*_CAPTION))


def _media(
    world: World, request: Request, kind: str, given: str, missing: str | None = None
) -> Json:
    """The photo or the document of a message: a known file, or one in the part that is named."""
    if given and not given.startswith("attach://"):
        file = _known_file(world, kind.capitalize(), given)
    else:
        upload = request.files.get(given.removeprefix("attach://") or kind)
        if upload is None:
            raise refused(missing or f"There is no {kind} in the request")
        if kind == "photo":
            file = world.keep_photo(upload.content, picture_size(upload.content))
        else:
            file = world.keep_document(checked_document(upload.content), upload.name)
    return {kind: [file.shown] if kind == "photo" else file.shown}


def _known_file(world: World, kind: str, given: str) -> StoredFile:
    if given.startswith(("http://", "https://")):
        raise refused("Failed to get HTTP URL content")
    if given not in world.files:
        raise refused("Wrong file identifier/HTTP URL specified")
    if world.files[given].kind != kind:
        raise refused(f"Can't use file of type {world.files[given].kind} as {kind}")
    return world.files[given]


def _get_file(world: World, request: Request) -> Json:
    return world.make_downloadable(request.text("file_id"))


def _forward_message(world: World, request: Request) -> Json:
    source = world.room(request.text("from_chat_id"), reading=True)
    message = source.message(request.integer("message_id"), "Message to forward")
    if message.get("has_protected_content") or not _SERVICE.isdisjoint(message):
        raise refused("The message can't be forwarded")
    origin = message.get("forward_origin") or origin_of(message)
    content = {"forward_origin": origin, "forward_date": origin["date"]}
    if "sender_user" in origin:
        content["forward_from"] = origin["sender_user"]
    else:
        content["forward_from_chat"] = origin["sender_chat"]
    return _deliver(world, request, content | _copied(message))


def _copy_message(world: World, request: Request) -> Json:
    source = world.room(request.text("from_chat_id"), reading=True)
    message = source.message(request.integer("message_id"), "Message to copy")
    if message.get("has_protected_content") or not _SERVICE.isdisjoint(message):
        raise refused("The message can't be copied")
    content = _copied(message)
    media = {name: content[name] for name in _MEDIA if name in content}
    if media and "caption" in request.parameters:
        content = media | _known_mentions(world, caption(request)).fields(*_CAPTION)
    return {"message_id": _deliver(world, request, content)["message_id"]}


def _copied(message: Json) -> Json:
    kept = (*_TEXT, *_MEDIA, *_CAPTION)
    return {name: message[name] for name in kept if name in message}


def _known_mentions(world: World, text: Formatted) -> Formatted:
    """Mentions of people whom the bot has never met are no mentions."""
    kept = []
    for entity in text.entities:
        if entity["type"] != "text_mention":
            kept.append(entity)
        elif person := world.people.get(int(entity["user"]["id"])):
            kept.append(entity | {"user": person.shown()})
    return Formatted(text.text, tuple(kept))


def _deliver(world: World, request: Request, content: Json) -> Json:
    reply_to, may_be_missing = reply_parameters(request)
    markup = reply_markup(request)
    room = world.room(request.text("chat_id"))
    thread = room.check_thread(request.integer("message_thread_id"))
    if reply_to and may_be_missing and reply_to not in room.messages:
        reply_to = 0
    if reply_to:
        room.message(reply_to, "Message to be replied")
    room.check_writable()
    if request.flag("protect_content"):
        content = content | {"has_protected_content": True}
    inline = markup is not None and "inline_keyboard" in markup
    if inline:
        content = content | {"reply_markup": markup}
    message_id = world.post(room, world.bot, content, reply_to=reply_to, thread=thread)
    if markup is not None and not inline:
        room.uneditable.add(message_id)
    return room.render(message_id)


def _edit_text(world: World, request: Request) -> Json | bool:
    text = _known_mentions(world, message_text(request))
    return _edit(world, request, "text", text.fields(*_TEXT))


def _edit_caption(world: World, request: Request) -> Json | bool:
    words = _known_mentions(world, caption(request))
    return _edit(world, request, "caption", words.fields(*_CAPTION))


def _edit_media(world: World, request: Request) -> Json | bool:
    media = input_media(request)
    words = _known_mentions(world, media_caption(media))
    missing = "Can't parse InputMedia: media not found"
    if not media.get("media"):
        raise refused(missing)
    content = _media(world, request, media["type"], str(media["media"]), missing)
    content |= words.fields(*_CAPTION)
    if media["type"] == "photo" and media.get("has_spoiler") is True:
        content["has_media_spoiler"] = True
    return _edit(world, request, "media", content)


def _edit_markup(world: World, request: Request) -> Json | bool:
    return _edit(world, request, "", {})


def _edit(world: World, request: Request, what: str, content: Json) -> Json | bool:
    markup = reply_markup(request, only_inline=True)
    inline = not request.text("chat_id") and request.integer("message_id") <= 0
    room, message = (_editable_inline if inline else _editable)(world, request)
    if what == "media" and inline:
        raise refused("media of an inline message is not implemented here")
    if what == "text" and "text" not in message:
        raise refused("There is no text in the message to edit")
    if what == "caption" and not any(name in message for name in _MEDIA):
        raise refused("There is no caption in the message to edit")
    # What was sent by way of the bot is its own wherever it stands.
    if not inline:
        room.check_writable()
    kept = {name: value for name, value in message.items() if name not in _REPLACED[what]}
    edited = kept | content
    edited.pop("reply_markup", None)
    if markup is not None:
        edited["reply_markup"] = markup
    if all(edited.get(name) == message.get(name) for name in _CONTENT):
        raise refused(
            "message is not modified: specified new message content and reply markup are exactly"
            " the same as a current content and reply markup of the message"
        )
    room.messages[message["message_id"]] = edited | {"edit_date": world.now}
    return True if inline else room.render(message["message_id"])


def _editable(world: World, request: Request) -> tuple[Room, Json]:
    room = world.room(request.text("chat_id"))
    message = room.message(request.integer("message_id"), "Message to edit")
    ours = message["from"]["id"] == world.bot["id"]
    if not ours or message["message_id"] in room.uneditable or "forward_origin" in message:
        raise refused("Message can't be edited")
    return room, message


def _editable_inline(world: World, request: Request) -> tuple[Room, Json]:
    if not request.text("inline_message_id"):
        raise refused("Message identifier is not specified")
    room, message_id = world.inline.get(request.text("inline_message_id"), (world.elsewhere, 0))
    if message_id not in room.messages:
        raise refused("MESSAGE_ID_INVALID")
    return room, room.messages[message_id]


def _delete_message(world: World, request: Request) -> bool:
    if not request.text("chat_id"):
        raise refused("Chat identifier is not specified")
    if request.integer("message_id") <= 0:
        raise refused("Message identifier is not specified")
    room = world.room(request.text("chat_id"))
    message = room.message(request.integer("message_id"), "Message to delete")
    ours = message["from"]["id"] == world.bot["id"]
    administers = world.status(room) == "administrator"
    if not room.private and not administers and (not ours or world.too_old_to_delete(message)):
        raise refused("Message can't be deleted")
    if room.private and world.too_old_to_delete(message):
        raise refused("Message can't be deleted for everyone")
    room.forget(message["message_id"])
    return True


def _answer_callback_query(world: World, request: Request) -> bool:
    answer: Json = {"text": answer_text(request), "show_alert": request.flag("show_alert")}
    url = request.text("url")
    if url and f"t.me/{world.bot['username']}?start=" not in url:
        raise refused("URL_INVALID")
    answer |= {"url": url} if url else {}
    world.answer("callback_query", request.text("callback_query_id"), answer)
    return True


def _answer_inline_query(world: World, request: Request) -> bool:
    world.answer("inline_query", request.text("inline_query_id"), inline_answer(request))
    return True


def chosen_message(world: World, result: Json) -> Json:
    """What a person sends who chooses a result of an inline query."""
    text, markup = chosen_content(result)
    content = _known_mentions(world, text).fields(*_TEXT) | {"via_bot": world.bot}
    return content | ({"reply_markup": markup} if markup else {})


def _send_chat_action(world: World, request: Request) -> bool:
    chat_action(request)
    room = world.room(request.text("chat_id"))
    room.check_thread(request.integer("message_thread_id"))
    room.check_writable()
    return True


def _set_message_reaction(world: World, request: Request) -> bool:
    given = reactions(request)
    room = world.room(request.text("chat_id"))
    message = room.message(request.integer("message_id"), "Message to react")
    emoji = checked_reactions(given)
    room.check_writable()
    room.reactions[message["message_id"]] = emoji
    return True


def _get_chat(world: World, request: Request) -> Json:
    room = world.room(request.text("chat_id"), reading=True)
    gifts = dict.fromkeys(
        (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        ),
        room.private,
    )
    return room.shown | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": gifts,
    }


def _get_chat_member(world: World, request: Request) -> Json:
    user = request.integer("user_id")
    if user <= 0:
        raise refused("Invalid user_id specified")
    return world.chat_member(world.room(request.text("chat_id")), user)


def _get_chat_administrators(world: World, request: Request) -> list[Json]:
    room = world.room(request.text("chat_id"))
    if room.private:
        raise refused("there are no administrators in the private chat")
    members = [world.chat_member(room, user) for user in room.statuses]
    return [member for member in members if member["status"] in ("creator", "administrator")]


def _set_my_commands(world: World, request: Request) -> bool:
    given = commands(request)
    world.commands[_command_key(world, request)] = given
    return True


def _get_my_commands(world: World, request: Request) -> list[Json]:
    return world.commands.get(_command_key(world, request), [])


def _delete_my_commands(world: World, request: Request) -> bool:
    world.commands.pop(_command_key(world, request), None)
    return True


def _command_key(world: World, request: Request) -> tuple[str, str]:
    kind, chat, user = command_scope(request)
    if not chat:
        return kind, language_code(request)
    room = world.room(chat)
    if room.private and kind != "chat":
        raise refused("Can't use specified scope in private chats")
    return f"{kind} {room.chat.id} {user}", language_code(request)


def _set_my_description(world: World, request: Request) -> bool:
    return _describe(world, request, "description", _DESCRIPTION, "DESCRIPTION_TOO_LONG")


def _set_my_short_description(world: World, request: Request) -> bool:
    return _describe(world, request, "short_description", _SHORT_DESCRIPTION, "ABOUT_TOO_LONG")


def _describe(world: World, request: Request, name: str, limit: int, too_long: str) -> bool:
    language = language_code(request)
    if len(request.text(name)) > limit:
        raise refused(too_long)
    world.descriptions[name, language] = request.text(name)
    return True


def _get_my_description(world: World, request: Request) -> Json:
    return _described(world, request, "description")


def _get_my_short_description(world: World, request: Request) -> Json:
    return _described(world, request, "short_description")


def _described(world: World, request: Request, name: str) -> Json:
    own = world.descriptions.get((name, language_code(request)))
    return {name: own or world.descriptions.get((name, ""), "")}


METHODS: dict[str, Method] = {
    "getMe": _get_me,
    "getUpdates": _get_updates,
    "setWebhook": _set_webhook,
    "deleteWebhook": _delete_webhook,
    "getWebhookInfo": _get_webhook_info,
    "logOut": _log_out,
    "close": _close,
    "sendMessage": _send_message,
    "sendPhoto": _send_photo,
    "sendDocument": _send_document,
    "getFile": _get_file,
    "forwardMessage": _forward_message,
    "copyMessage": _copy_message,
    "editMessageText": _edit_text,
    "editMessageCaption": _edit_caption,
    "editMessageMedia": _edit_media,
    "editMessageReplyMarkup": _edit_markup,
    "deleteMessage": _delete_message,
    "answerCallbackQuery": _answer_callback_query,
    "answerInlineQuery": _answer_inline_query,
    "sendChatAction": _send_chat_action,
    "setMessageReaction": _set_message_reaction,
    "getChat": _get_chat,
    "getChatMember": _get_chat_member,
    "getChatAdministrators": _get_chat_administrators,
    "setMyCommands": _set_my_commands,
    "getMyCommands": _get_my_commands,
    "deleteMyCommands": _delete_my_commands,
    "setMyDescription": _set_my_description,
    "getMyDescription": _get_my_description,
    "setMyShortDescription": _set_my_short_description,
    "getMyShortDescription": _get_my_short_description,
}
